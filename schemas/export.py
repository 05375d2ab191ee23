"""The gate and the press of the committed schemas: what the types say against what is committed."""

from __future__ import annotations

import json
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
    classes = {field["name"]: field.get("pii") for field in old["fields"]}
    return [f["name"] for f in new["fields"] if f["name"] in classes and f.get("pii") != classes[f["name"]]]


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
    return problems


def export(folder: Path = FOLDER) -> list[str]:
    """Write a new version of each changed type, and ids for it; refuses breaking changes. Returns what was written."""
    written = []
    ids = json.loads((folder / "ids.json").read_text()) if (folder / "ids.json").exists() else []
    everything: dict[str, type[Message]] = {**MESSAGES, "Routed": Routed, "Accepted": Accepted}
    for name, message in everything.items():
        schema, history = avro_schema(message), versions(name, folder)
        if history and history[-1] == schema:
            continue
        breaking = breaks(schema, history)
        if breaking:
            raise ValueError(f"{name}: {'; '.join(breaking)}. Add a new field with a default or a new type instead.")
        version = len(history) + 1
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{version}.avsc").write_text(json.dumps(schema, indent=2) + "\n")
        written.append(f"{name} {version}")
        if name in MESSAGES:
            for prefix in forms(name):
                ids.append({"id": len(ids) + 1, "type": name, "version": version, "prefix": prefix})
    (folder / "ids.json").write_text("[\n" + ",\n".join("  " + json.dumps(row) for row in ids) + "\n]\n")
    return written
