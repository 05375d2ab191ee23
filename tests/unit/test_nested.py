"""Files nested deeper than Python can read are told to be wrong, as other wrong files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.proposal import ProposalError, read_document
from streams.replay import ReplayError, replay
from streams.sources.expressions import MappingError
from streams.sources.mapping import load_mapping

DEEP = "[" * 100_000


def test_a_policy_file(tmp_path: Path) -> None:
    (path := tmp_path / "policy.yaml").write_text(DEEP)
    with pytest.raises(ProposalError):
        read_document(path)


def test_a_policy_file_that_contains_itself(tmp_path: Path) -> None:
    (path := tmp_path / "policy.yaml").write_text("&all [*all]")
    with pytest.raises(ProposalError):
        read_document(path)


def test_a_mapping(tmp_path: Path) -> None:
    (path := tmp_path / "mapping.yaml").write_text(DEEP)
    with pytest.raises(MappingError):
        load_mapping(str(path))


def test_a_file_of_facts() -> None:
    with pytest.raises(ReplayError, match="line 1"):
        replay((), [DEEP])
