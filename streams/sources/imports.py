"""From rows to records: each row becomes all of its facts or one dead letter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schemas.codec import encode
from streams.sources.files import Row
from streams.sources.mapping import Mapping, RowError
from streams.sources.refusals import Door, Publication, refused


@dataclass
class Tally:
    """What became of the rows so far: rows read, facts by topic, refused rows by reason."""

    rows: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def door_of(path: Path, workspace: str, now: int) -> Door:
    """The door of a file being imported; ``now`` in microseconds. The coordinates name the file without its folder."""
    name = re.sub(r"[\x00-\x1f\x7f]", "?", path.name.encode("utf-8", "replace").decode())[:59]
    return Door("import", f"file:{name}", workspace, None, now)


def publications(mapping: Mapping, rows: Iterable[Row], door: Door, tally: Tally) -> Iterator[Publication]:
    """The facts of each row in the order of the rows, a row's own in the mapping's order; or its dead letter."""
    types = mapping.types
    fact_type = types[0] if len(types) == 1 else None
    for number, raw, cells in rows:
        tally.rows += 1
        try:
            if isinstance(cells, RowError):
                raise cells
            facts = _facts(mapping, cells, number, door.workspace or "")
        except RowError as error:
            tally.refused[error.reason] += 1
            yield refused(door, number, (error.reason, error.detail), raw, fact_type)
            continue
        for fact in facts:
            tally.facts[fact.topic] += 1
        yield from facts


def _facts(mapping: Mapping, cells: Iterable[str | None], number: int, workspace: str) -> list[Publication]:
    try:
        found = mapping.events(cells, number, workspace)
        return [Publication(topic.name, topic.key_of(event), encode(event)) for topic, event in found]
    except UnicodeEncodeError:
        raise RowError("invalid_utf8", "a column that the mapping reads is not UTF-8 text") from None
    except OverflowError:
        raise RowError("bad_value", "a number is too large for 64 bits") from None
