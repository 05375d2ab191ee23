"""Mappings: what the rows of a known source mean, declared in YAML and compiled once.

A mapping names the columns, the values computed from them and the events that each row becomes
(``schemas/mappings/README.md``). The ids of the events are derived from mapping, workspace, the row's ``key`` and the
event's number, so that importing a file again publishes the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas.contract import avro_schema
from schemas.events.base import Event, assemble
from schemas.ids import derived_id
from schemas.topics import FACT_TOPIC, Topic
from streams.sources.expressions import SPECIAL, Cells, Expression, MappingError, Scope, compiled, names_of
from streams.sources.transforms import Kind

_GIVEN = {"event_id", "workspace_id", "source"}
"""Fields that the importer fills in itself."""

_KIND_OF_AVRO: dict[str, Kind] = {"string": "text", "long": "integer", "int": "integer", "boolean": "boolean"}
_KIND_OF_LOGICAL: dict[str, Kind] = {"timestamp-micros": "instant", "date": "day", "uuid": "text"}


class RowError(ValueError):
    """A row that is no event: reason code and detail, without the row's values."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class _EventText(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: str
    when: Any = None
    fields: dict[str, Any]


class _MappingText(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    format: Literal["csv", "jsonl"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    nulls: list[str] = []
    key: Any
    values: dict[str, Any] = {}
    events: Annotated[list[_EventText], Field(min_length=1)]


class _Template(NamedTuple):
    """One event of each row."""

    type: type[Event]
    topic: Topic
    constants: dict[str, Any]  # the type's defaults and the mapping's constants
    fields: list[tuple[str, Any, bool]]  # name, function of the cells, whether it may not be missing
    when: Expression | None  # the row becomes this event only where it is true


@dataclass(frozen=True)
class Mapping:
    """A compiled mapping. ``columns`` are those it reads, in the order in which ``events`` wants the cells."""

    name: str
    format: Literal["csv", "jsonl"]
    delimiter: str
    columns: tuple[str, ...]
    numbers_rows: bool
    _nulls: frozenset[str]
    _key: Expression
    _values: tuple[tuple[str, Expression], ...]
    _templates: tuple[_Template, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """Names of the fact types that rows become."""
        return tuple(dict.fromkeys(template.type.__name__ for template in self._templates))

    def events(self, cells: Iterable[str | None], row: int, workspace: str) -> Iterator[tuple[Topic, Event]]:
        """The events of a row, in the mapping's order, with their topics; not validated, intake does that.

        Raises ``RowError``.
        """
        nulls = self._nulls
        stripped = [None if cell is None or (text := cell.strip()) in nulls else text for cell in cells]
        known: list[Any] = [*stripped, str(row), workspace]
        for name, expression in self._values:
            known.append(_value(name, expression, known))
        key = _value("key", self._key, known)
        if key is None:
            raise RowError("missing_field", "the mapping's key is missing")
        last = None
        for number, (type_, topic, constants, fields, when) in enumerate(self._templates, 1):
            if when is not None and not _value(f"event {number}, when", when, known):
                continue
            values = {**constants, **_fields(fields, known)}
            values["event_id"] = derived_id("import", self.name, workspace, key, number)
            values["workspace_id"] = workspace
            values["source"] = self.name
            if last is not None and values["occurred_at"] < last:
                raise RowError("bad_order", f"event {number} of the row would occur before event {number - 1}")
            last = values["occurred_at"]
            yield topic, assemble(type_, values)


def _fields(fields: list[tuple[str, Any, bool]], known: Cells) -> dict[str, Any]:
    values = {}
    name = ""
    try:
        for name, get, required in fields:
            value = get(known)
            if value is not None:
                values[name] = value
            elif required:
                raise RowError("missing_field", f"{name}: nothing in the columns that it is made of")
    except (RowError, UnicodeEncodeError):
        raise
    except ValueError as error:
        raise RowError("bad_value", f"{name}: {error}") from None
    return values


def _value(name: str, expression: Expression, known: Cells) -> Any:
    try:
        return expression.value(known)
    except UnicodeEncodeError:
        raise
    except ValueError as error:
        raise RowError("bad_value", f"{name}: {error}") from None


def load_mapping(name_or_path: str) -> Mapping:
    """The mapping of a name (one that comes with the platform) or of a YAML file's path. Raises ``MappingError``."""
    shipped = files("schemas").joinpath("mappings")
    known = sorted(Path(entry.name).stem for entry in shipped.iterdir() if entry.name.endswith(".yaml"))
    try:
        if name_or_path in known:
            text = shipped.joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
        elif name_or_path.endswith((".yaml", ".yml")):
            text = Path(name_or_path).read_text(encoding="utf-8")
        else:
            raise MappingError(
                f"there is none of this name; known are {', '.join(known)}, or give a path to a .yaml file"
            )
        return compiled_mapping(yaml.safe_load(text))
    except (OSError, ValueError, RecursionError, yaml.YAMLError, MappingError) as error:
        raise MappingError(f"mapping {name_or_path}: {error}") from None


def compiled_mapping(document: Any) -> Mapping:
    """The mapping that a YAML document says. Raises ``MappingError``."""
    try:
        text = _MappingText.model_validate(document)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise MappingError("; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in problems)) from None
    nodes = [*text.values.values(), text.key, *(node for event in text.events for node in _nodes(event))]
    mentioned = dict.fromkeys(name for node in nodes for name in names_of(node))
    scope = Scope(tuple(name for name in mentioned if name not in text.values and name not in SPECIAL))
    values = []
    for name, node in text.values.items():
        expression = _at(f"values.{name}", node, scope)
        values.append((name, expression))
        scope.kinds[name] = expression.kind
    return Mapping(
        name=text.name,
        format=text.format,
        delimiter=text.delimiter,
        columns=scope.columns,
        numbers_rows="$row" in mentioned,
        _nulls=frozenset(("", *text.nulls)),
        _key=_at("key", text.key, scope),
        _values=tuple(values),
        _templates=tuple(_template(number, event, scope) for number, event in enumerate(text.events)),
    )


def _nodes(event: _EventText) -> list[Any]:
    return [*event.fields.values(), *([] if event.when is None else [event.when])]


def _at(where: str, node: Any, scope: Scope) -> Expression:
    try:
        return compiled(node, scope)
    except MappingError as error:
        raise MappingError(f"{where}: {error}") from None


def _template(number: int, event: _EventText, scope: Scope) -> _Template:
    where = f"events.{number}"
    types = {type_.__name__: type_ for type_ in FACT_TOPIC if issubclass(type_, Event)}
    type_ = types.get(event.type)
    if type_ is None:
        raise MappingError(f"{where}: no fact type {event.type}; there are {', '.join(types)}")
    schema = {field["name"]: field for field in avro_schema(type_)["fields"]}
    required = {name for name, info in type_.model_fields.items() if info.is_required()}
    if unknown := event.fields.keys() - (schema.keys() - _GIVEN):
        raise MappingError(f"{where}: {event.type} has no fields {', '.join(sorted(unknown))} that a mapping may set")
    if missing := required - event.fields.keys() - _GIVEN:
        raise MappingError(f"{where}: {event.type} needs {', '.join(sorted(missing))}")
    constants = {name: info.get_default() for name, info in type_.model_fields.items() if name not in required}
    fields = []
    for name, node in event.fields.items():
        expression = _at(f"{where}.{name}", node, scope)
        _check_field(f"{where}.{name}", type_, name, schema[name], expression)
        if isinstance(node, dict) and "const" in node:
            constants[name] = node["const"]
        else:
            fields.append((name, expression.value, name in required))
    when = None if event.when is None else _at(f"{where}.when", event.when, scope)
    if when is not None and when.kind != "boolean":
        raise MappingError(f"{where}.when: is {when.kind}, a condition is boolean: {{lookup: …, table: {{…: true}}}}")
    return _Template(type_, FACT_TOPIC[type_], constants, fields, when)


def _check_field(where: str, type_: type[Event], name: str, schema: dict[str, Any], expression: Expression) -> None:
    """A field gets what its contract wants, as far as that can be told before any row is read."""
    avro = schema["type"][1] if isinstance(schema["type"], list) else schema["type"]
    kind = _KIND_OF_LOGICAL[avro["logicalType"]] if "logicalType" in avro else _KIND_OF_AVRO.get(str(avro))
    if expression.kind != kind:
        raise MappingError(f"{where}: is {expression.kind}, the field is {kind or 'a list, which no mapping can set'}")
    info = type_.model_fields[name]
    annotation: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    adapter = TypeAdapter(annotation)
    for value in expression.possible or ():
        try:
            adapter.validate_python(value)
        except ValidationError:
            raise MappingError(f"{where}: {value} is no value of the field") from None
