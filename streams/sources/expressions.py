"""A mapping's expressions, compiled: from YAML to functions of a row's cells.

An expression is the name of a column or of an earlier value, ``{const: …}``, or ``{<transform>: <arguments>,
<option>: …}`` with one of ``streams.sources.transforms``. Nothing in a mapping is run as code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.sources.transforms import TRANSFORMS, Kind, Transform, Value

Cells = Sequence[Any]
"""What a row offers: the cells of the columns used, then row number and workspace, then the values computed so far."""

SPECIAL = ("$row", "$workspace")
"""Names that every row has: its number in the file, from 1, and the workspace imported into."""


class MappingError(ValueError):
    """A mapping that cannot be used; says where in it and what is wrong."""


@dataclass(frozen=True)
class Expression:
    """A compiled expression. ``possible``: all values that it can have, where that is known beforehand."""

    kind: Kind
    value: Callable[[Cells], Value | None]
    possible: tuple[Value, ...] | None = None


@dataclass
class Scope:
    """The names that expressions may use, each with its place among the cells; unknown ones become columns.

    ``columns`` are collected first (``columns_of``), so that the places are known before anything is compiled.
    """

    columns: tuple[str, ...]
    kinds: dict[str, Kind] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kinds = dict.fromkeys((*self.columns, *SPECIAL), "text")

    def place(self, name: str) -> int:
        """Where among the cells a name's value stands."""
        return list(self.kinds).index(name)


def names_of(node: Any) -> list[str]:
    """The names that an expression mentions, in order."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        arguments = [argument for key in node if key in TRANSFORMS for argument in _listed(node[key])]
        return [name for argument in arguments for name in names_of(argument)]
    return []


def compiled(node: Any, scope: Scope) -> Expression:
    """The function that an expression is. Raises ``MappingError``."""
    if isinstance(node, str):
        if node not in scope.kinds:
            raise MappingError(f"unknown name {node}")
        place = scope.place(node)
        return Expression(scope.kinds[node], lambda cells: cells[place])
    if not isinstance(node, dict) or not node:
        raise MappingError("an expression is a name, {const: …} or {<transform>: <arguments>}")
    named = [key for key in node if key == "const" or key in TRANSFORMS]
    if len(named) != 1:
        given = " and ".join(named) or f"no transform {', '.join(map(str, node))}"
        raise MappingError(f"{given}: an expression has one of const, {', '.join(TRANSFORMS)}")
    name = named[0]
    options = {key: value for key, value in node.items() if key != name}
    if name == "const":
        return _constant(node[name], options)
    transform = TRANSFORMS[name]
    function = _built(name, transform, options)
    inner = [compiled(argument, scope) for argument in _listed(node[name])]
    _check_arguments(name, transform, inner)
    apply = _applied(function, [expression.value for expression in inner], despite=transform.despite)
    if transform.gives is not None:
        return Expression(transform.gives, apply)
    outcomes = _outcomes(options)
    return Expression(_kind_of(outcomes), apply, outcomes)


def _applied(
    function: Callable[..., Value | None], inner: list[Callable[[Cells], Value | None]], *, despite: bool = False
) -> Callable[[Cells], Any]:
    if despite:
        return lambda cells: function(*(get(cells) for get in inner))
    if len(inner) == 1:
        (only,) = inner

        def apply_one(cells: Cells) -> Value | None:
            argument = only(cells)
            return None if argument is None else function(argument)

        return apply_one

    def apply(cells: Cells) -> Value | None:
        arguments = [get(cells) for get in inner]
        return None if None in arguments else function(*arguments)

    return apply


def _constant(value: Any, options: dict[str, Any]) -> Expression:
    if options or not isinstance(value, str | int):
        raise MappingError("const is one text, whole number or boolean, such as {const: EUR}")
    return Expression(_kind_of((value,)), lambda cells: value, (value,))


def _built(name: str, transform: Transform, options: dict[str, Any]) -> Callable[..., Value | None]:
    if "table" in options and not all(isinstance(key, str) for key in options["table"]):
        raise MappingError(f"{name}: put the keys of the table in quotes, YAML takes some words for other than text")
    try:
        return transform.build(**options)
    except (TypeError, ValueError, AttributeError) as error:
        raise MappingError(f"{name}: wrong options: {error}") from None


def _check_arguments(name: str, transform: Transform, inner: list[Expression]) -> None:
    kinds = tuple(expression.kind for expression in inner)
    wanted = transform.takes * len(inner) if transform.many else transform.takes
    if kinds != wanted or not kinds:
        shown = f"any number of {wanted[0]}" if transform.many and wanted else ", ".join(transform.takes)
        raise MappingError(f"{name} takes {shown}; it is given {', '.join(kinds) or 'nothing'}")


def _outcomes(options: dict[str, Any]) -> tuple[Value, ...]:
    otherwise = options.get("otherwise")
    return (*options["table"].values(), *(() if otherwise is None else (otherwise,)))


def _kind_of(values: tuple[Value, ...]) -> Kind:
    kinds = {type(value) for value in values}
    known: dict[type, Kind] = {str: "text", int: "integer", bool: "boolean"}
    if len(kinds) != 1 or (kind := known.get(kinds.pop())) is None:
        raise MappingError("the values must be all text, all whole numbers or all booleans")
    return kind


def _listed(arguments: Any) -> list[Any]:
    return arguments if isinstance(arguments, list) else [arguments]
