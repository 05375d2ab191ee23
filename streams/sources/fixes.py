"""Fixes: how facts that were refused are to be corrected, declared in YAML by fact type; nothing in it is executed.

::

    BookingChanged:
      drop: [market_segment]                   # a field that shall go
      rename: {amount: amount_minor}           # a field that came under another name
      replace: {currency: {EURO: EUR}}         # a value by another; null stands for a missing one
      set: {region: EUR, event_id: new}        # a field whatever it was; ``new``: an id of its own

They are applied in this order; ``drop`` and ``rename`` know fields by the names they came under. Fields and values are
those of the JSON form of events: instants are ISO 8601 text with Z, days YYYY-MM-DD, money whole minor units.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, StrictStr, ValidationError

from schemas.events.base import Event
from schemas.topics import FACT_TOPIC

MAX_FIX_BYTES = 65_536
NEW = "new"
"""What a fix sets ``event_id`` to where a fact shall have another one; no id of its own can be given."""

_TYPES: dict[str, type[Event]] = {type_.__name__: type_ for type_ in FACT_TOPIC if issubclass(type_, Event)}


class FixError(ValueError):
    """A document that is no fix; says where and why, without the values of fields."""


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError("text, a whole number, true, false or null expected")


Value = Annotated[Any, AfterValidator(_plain)]


class Fix(BaseModel):
    """The correction of the facts of one type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rename: dict[StrictStr, StrictStr] = {}
    drop: list[StrictStr] = []
    replace: dict[StrictStr, dict[Value, Value]] = {}
    set: dict[StrictStr, Value] = {}

    @property
    def renews(self) -> bool:
        """Whether it gives facts an id of their own."""
        return self.set.get("event_id") == NEW

    def applied(self, fact: Mapping[str, Any], new_id: str) -> dict[str, Any]:
        """The corrected JSON form of a fact; ``new_id`` is what ``event_id: new`` comes to."""
        fixed = {self.rename.get(name, name): value for name, value in fact.items() if name not in self.drop}
        for name, table in self.replace.items():
            value = fixed.get(name)
            # True is 1 to a dict, but not here
            found = [to for key, to in table.items() if type(key) is type(value) and key == value]
            if found:
                fixed[name] = found[0]
        fixed.update(self.set)
        if self.renews:
            fixed["event_id"] = new_id
        return fixed


Fixes = Mapping[str, Fix]
"""Fixes by the name of the fact type."""


def load_fixes(path: Path) -> Fixes:
    """The fixes of a YAML file. Raises ``FixError``."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FIX_BYTES + 1)
        if len(raw) > MAX_FIX_BYTES:
            raise FixError(f"more than {MAX_FIX_BYTES:,} bytes")
        return fixes_of(raw.decode("utf-8"))
    except OSError as error:
        raise FixError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FixError(f"{path}: not UTF-8 text") from None
    except FixError as error:
        raise FixError(f"{path}: {error}") from None


def fixes_of(text: str) -> Fixes:
    """The fixes that a YAML text says. Raises ``FixError``."""
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise FixError(f"line {line}: {error.problem}") from None
    except yaml.YAMLError:
        raise FixError("not YAML: a character that no text may have") from None
    except RecursionError:
        raise FixError("nested too deeply") from None
    if not isinstance(document, dict) or not document:
        raise FixError("fact types expected, such as `BookingChanged: {set: {region: EUR}}`")
    return {name: _fix(name, value) for name, value in document.items()}


def _fix(name: Any, value: Any) -> Fix:
    type_ = _TYPES.get(name)
    if type_ is None:
        raise FixError(f"{name}: no fact type; there are {', '.join(_TYPES)}")
    try:
        fix = Fix.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, (name, *problem["loc"][:2])))  # further down there are values
        raise FixError(f"{where}: {problem['msg']}") from None
    named = {*fix.set, *fix.replace, *fix.rename.values()}
    if unknown := sorted(named - type_.model_fields.keys()):
        raise FixError(f"{name} has no fields {', '.join(unknown)}; it has {', '.join(type_.model_fields)}")
    if "event_id" in (*fix.rename, *fix.rename.values(), *fix.replace) or fix.set.get("event_id", NEW) != NEW:
        raise FixError(f"{name}: event_id can only be set, and only to `{NEW}`: every fact then gets one of its own")
    if len(set(fix.rename.values())) < len(fix.rename):
        raise FixError(f"{name}: rename: two fields would get the same name")
    return fix


class _Loader(yaml.SafeLoader):
    """YAML as it is written: no dates or yes and no in place of text, nothing given twice, no references."""

    yaml_implicit_resolvers = {  # noqa: RUF012 the base class has it as an instance's
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith((":timestamp", ":bool"))]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise FixError("references (*name) are not used here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise FixError(f"line {node.start_mark.line + 1}: a name or value stands there twice")
        return mapping


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
