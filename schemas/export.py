"""The gate and the press of the committed schemas: what the types say against what is committed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import make_avsc_object

from schemas.contract import avro_schema, unclassified_fields
from schemas.events.base import Message
from schemas.events.routing import Accepted, Routed
from schemas.registry import forms
from schemas.topics import MESSAGES

FOLDER = Path(__file__).parent / "avro"


def versions(type_: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The committed schemas of a type, oldest first."""
    paths = sorted((folder / type_).glob("*.avsc"), key=lambda path: int(path.stem))
    return [json.loads(path.read_text()) for path in paths]


def breaks(new: dict[str, Any], history: list[dict[str, Any]]) -> list[str]:
    """Why a reader with ``new`` could not read what was written under each of ``history`` (BACKWARD_TRANSITIVE)."""
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    problems = []
    for number, old in enumerate(history, start=1):
        # avro's checker knows no named-type reuse across two parses, so each schema is parsed alone
        verdict = checker.get_compatibility(make_avsc_object(new), make_avsc_object(old))
        if verdict.compatibility is not SchemaCompatibilityType.compatible:
            problems += [f"cannot read version {number}: {message}" for message in sorted(verdict.messages)]
        problems += [f"personal-data class changed since version {number}: {name}" for name in _reclassified(new, old)]
    return problems


def _reclassified(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    before, now = _classes(old), _classes(new)
    return [path for path, kind in now.items() if path in before and kind != before[path]]


def _classes(node: Any) -> dict[str, str | None]:
    """Personal-data class of each field of a schema, nested ones with a dotted name."""
    found: dict[str, str | None] = {}
    if isinstance(node, list):
        for item in node:
            found |= _classes(item)
    elif isinstance(node, dict):
        for field in node.get("fields", ()):
            found[field["name"]] = field.get("pii")
            found |= {f"{field['name']}.{deep}": kind for deep, kind in _classes(field["type"]).items()}
        found |= _classes(node.get("items"))
    return found


def check(folder: Path = FOLDER) -> list[str]:
    """Every reason why the committed schemas do not fit the types; empty when all is well."""
    problems = []
    for name, message in MESSAGES.items():
        schema, history = avro_schema(message), versions(name, folder)
        problems += [f"{name}.{field}: free-form field without a pii class" for field in unclassified_fields(message)]
        if not history or history[-1] != schema:
            breaking = breaks(schema, history)
            problems += [f"{name}: {problem}" for problem in breaking]
            if not breaking:
                problems.append(f"{name}: changed; run `fineacers schemas export` and commit schemas/avro")
    for prefix in (Routed, Accepted):
        if versions(prefix.__name__, folder)[-1:] != [avro_schema(prefix)]:
            problems.append(f"{prefix.__name__}: prefix changed; messages in flight could not be read")
    return problems + _stray(folder) + _wrong_ids(folder)


def _stray(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return [
        f"{name}: no such type any more, though records of it may be kept; bring it back"
        for name in names
        if name not in _everything()
    ]


def _wrong_ids(folder: Path) -> list[str]:
    """What is wrong with the table of ids: doubled ones, and forms of versions that have none."""
    rows = json.loads((folder / "ids.json").read_text())
    uses = Counter(row["id"] for row in rows)
    named = Counter((row["type"], row["version"], row["prefix"]) for row in rows)
    wanted = {
        (name, number, prefix)
        for name in MESSAGES
        for number in range(1, len(versions(name, folder)) + 1)
        for prefix in forms(name)
    }
    problems = [f"ids.json: id {id_} is given {count} times" for id_, count in uses.items() if count > 1]
    problems += [f"ids.json: {_form(*form)} has {count} ids" for form, count in named.items() if count > 1]
    problems += [f"ids.json: {_form(*form)} has no id" for form in sorted(wanted - named.keys(), key=str)]
    return problems + [f"ids.json: {_form(*form)} is no version of a type" for form in named.keys() - wanted]


def _form(type_: str, version: int, prefix: str | None) -> str:
    return f"{type_} {version}" + (f" behind {prefix}" if prefix else "")


def _everything() -> dict[str, type[Message]]:
    return {**MESSAGES, "Routed": Routed, "Accepted": Accepted}


def export(folder: Path = FOLDER) -> list[str]:
    """Write a new version of each changed type, and ids for it. Returns what was written.

    Raises ``ValueError`` and writes nothing where a change is breaking.
    """
    changed = {}
    for name, message in _everything().items():
        schema, history = avro_schema(message), versions(name, folder)
        if history and history[-1] == schema:
            continue
        breaking = breaks(schema, history)
        if breaking:
            raise ValueError(f"{name}: {'; '.join(breaking)}. Add a new field with a default or a new type instead.")
        changed[name, len(history) + 1] = schema
    ids = json.loads((folder / "ids.json").read_text()) if (folder / "ids.json").exists() else []
    for (name, version), schema in changed.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{version}.avsc").write_text(json.dumps(schema, indent=2) + "\n")
        new = forms(name) if name in MESSAGES else ()
        ids += [{"id": len(ids) + n, "type": name, "version": version, "prefix": form} for n, form in enumerate(new, 1)]
    (folder / "ids.json").write_text("[\n" + ",\n".join("  " + json.dumps(row) for row in ids) + "\n]\n")
    return [f"{name} {version}" for name, version in changed]
