"""The gate: committed schemas fit the types, and no change breaks a reader or loses a personal-data class."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.contract import avro_schema, nested_messages, unclassified_fields
from schemas.events.base import Code, Email, FreeText, Message, Pii
from schemas.events.campaigns import SpendReported
from schemas.events.governance import IdentitiesLinked
from schemas.events.leads import LeadCaptured
from schemas.export import FOLDER, breaks, check, export
from schemas.topics import FACT_TOPIC, MESSAGES

Schema = dict[str, Any]


def test_the_committed_schemas_are_the_print_of_the_types() -> None:
    assert check() == []


def _field(schema: Schema, name: str) -> Schema:
    found: Schema = next(field for field in schema["fields"] if field["name"] == name)
    return found


def _changed(message: type[Message], change: Callable[[Schema], None]) -> Schema:
    schema = deepcopy(avro_schema(message))
    change(schema)
    return schema


def _breaks(message: type[Message], change: Callable[[Schema], None]) -> list[str]:
    return breaks(_changed(message, change), [avro_schema(message)])


def test_a_new_field_with_a_default_breaks_nobody() -> None:
    new = {"name": "note", "type": ["null", "string"], "default": None, "pii": "free_text"}
    assert _breaks(SpendReported, lambda schema: schema["fields"].append(new)) == []


def test_a_new_field_without_a_default_breaks_readers_of_old_records() -> None:
    (problem,) = _breaks(SpendReported, lambda schema: schema["fields"].append({"name": "note", "type": "string"}))
    assert "version 1" in problem
    assert "note" in problem


def test_a_default_taken_away_is_found_by_the_version_before_the_field_came() -> None:
    def without_channel(schema: Schema) -> None:
        schema["fields"].remove(_field(schema, "channel"))

    history = [_changed(SpendReported, without_channel), avro_schema(SpendReported)]
    assert "version 1" in breaks(avro_schema(SpendReported), history)[0]


@pytest.mark.parametrize("type_", ["string", "int", ["null", "long"], "double"])
def test_a_changed_type_is_judged_by_avro(type_: Any) -> None:
    def change(schema: Schema) -> None:
        _field(schema, "amount_minor")["type"] = type_

    widened = type_ in (["null", "long"], "double")  # both read what was written as long
    assert (_breaks(SpendReported, change) == []) is widened


@pytest.mark.parametrize("new", [None, "name"])
def test_a_personal_data_class_taken_away_or_changed_is_refused(new: str | None) -> None:
    def change(schema: Schema) -> None:
        field = _field(schema, "email")
        del field["pii"]
        if new:
            field["pii"] = new

    (problem,) = _breaks(LeadCaptured, change)
    assert "personal-data class" in problem
    assert "email" in problem


def test_a_personal_data_class_taken_away_inside_a_list_is_refused() -> None:
    def change(schema: Schema) -> None:
        inner = _field(schema, "identifiers")["type"]["items"]
        del _field(inner, "value")["pii"]

    (problem,) = _breaks(IdentitiesLinked, change)
    assert "identifiers.value" in problem


def test_a_free_form_field_without_a_class_is_found_wherever_it_hides() -> None:
    class Inner(Message):
        remark: str
        kind: Code

    class Careless(Message):
        note: str
        maybe: str | None = None
        blob: bytes
        several: list[str]
        inner: list[Inner]
        told: FreeText
        mail: Email | None = None
        code: Code

    assert unclassified_fields(Careless) == ["note", "maybe", "blob", "several", "inner.remark"]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["NUL", "lone surrogate"])
def test_no_text_is_allowed_that_postgresql_cannot_hold(text: str) -> None:
    messages, taken = list(MESSAGES.values()), []
    for message in messages:
        for name, info in message.model_fields.items():
            messages += [inner for inner in nested_messages(info.annotation) if inner not in messages]
            kind = TypeAdapter(Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation)
            for value in (text, [text]):
                with suppress(ValidationError):
                    if not isinstance(kind.validate_python(value), bytes):
                        taken.append(f"{message.__name__}.{name}")
    assert not taken


def test_every_class_in_use_is_one_that_sinks_and_commands_know() -> None:
    known = set(Pii.__dataclass_fields__) and {
        "email", "phone", "name", "address", "ip", "free_text", "customer_id", "device", "token",
    }  # fmt: skip
    text = "".join(path.read_text() for path in FOLDER.glob("*/*.avsc"))
    used = {json.loads("{" + line.strip().rstrip(",") + "}")["pii"] for line in text.splitlines() if '"pii":' in line}
    assert used <= known


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the committed schemas, to be changed as if the types had been others when they were committed."""
    return Path(shutil.copytree(FOLDER, tmp_path / "avro"))


def _rewrite(folder: Path, type_: str, change: Callable[[Schema], None]) -> None:
    path = folder / type_ / "1.avsc"
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema, indent=2) + "\n")


def test_a_compatible_change_asks_for_an_export_which_adds_a_version_and_ids(folder: Path) -> None:
    _rewrite(folder, "SpendReported", lambda schema: schema["fields"].append({"name": "old", "type": "string"}))
    assert check(folder) == ["SpendReported: changed; run `fineacers schemas export` and commit schemas/avro"]
    before = json.loads((folder / "ids.json").read_text())
    assert export(folder) == ["SpendReported 2"]
    after = json.loads((folder / "ids.json").read_text())
    assert after[: len(before)] == before
    assert [(row["type"], row["version"], row["prefix"]) for row in after[len(before) :]] == [
        ("SpendReported", 2, None),
        ("SpendReported", 2, "Routed"),
        ("SpendReported", 2, "Accepted"),
    ]
    assert len({row["id"] for row in after}) == len(after)
    assert check(folder) == []
    assert export(folder) == []


def test_a_breaking_change_is_told_by_check_and_refused_by_export(folder: Path) -> None:
    _rewrite(folder, "SpendReported", lambda schema: schema["fields"].remove(_field(schema, "channel")))
    assert any("SpendReported: cannot read version 1" in problem for problem in check(folder))
    with pytest.raises(ValueError, match=r"SpendReported.*Add a new field with a default"):
        export(folder)
    assert not (folder / "SpendReported" / "2.avsc").exists()


def test_a_refused_export_writes_nothing_of_any_type(folder: Path) -> None:
    _rewrite(folder, "ClickRecorded", lambda schema: schema["fields"].append({"name": "old", "type": "string"}))
    _rewrite(folder, "SpendReported", lambda schema: schema["fields"].remove(_field(schema, "channel")))
    with pytest.raises(ValueError, match="SpendReported"):
        export(folder)
    assert not (folder / "ClickRecorded" / "2.avsc").exists()


def test_a_changed_prefix_is_refused(folder: Path) -> None:
    _rewrite(folder, "Routed", lambda schema: schema["fields"].pop())
    assert any(problem.startswith("Routed: prefix changed") for problem in check(folder))


def test_a_type_that_is_gone_is_told_because_its_records_are_not(folder: Path) -> None:
    shutil.copytree(folder / "SpendReported", folder / "SpendImagined")
    assert any("SpendImagined" in problem for problem in check(folder))


def test_missing_and_doubled_ids_are_told(folder: Path) -> None:
    ids = json.loads((folder / "ids.json").read_text())
    (folder / "ids.json").write_text(json.dumps([*ids[1:], {**ids[1], "type": ids[2]["type"], "version": 9}]))
    problems = check(folder)
    assert any("no id" in problem for problem in problems)
    assert any(f"id {ids[1]['id']}" in problem for problem in problems)


def test_every_message_has_a_schema_and_every_fact_three_ids() -> None:
    ids = json.loads((FOLDER / "ids.json").read_text())
    for name, message in MESSAGES.items():
        forms = [row["prefix"] for row in ids if (row["type"], row["version"]) == (name, 1)]
        assert forms == ([None, "Routed", "Accepted"] if message in FACT_TOPIC else [None])
