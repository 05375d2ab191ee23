"""Mutants follow the code that they break: ``make mutants`` takes hours, this tells at once which have lost it."""

from pathlib import Path

from tests.mutants import MUTANTS, attribution, contact, identity, leads, running, stores

ROOT = Path(__file__).parents[2]


def test_each_mutant_finds_its_text_once() -> None:
    texts = {mutant.file: (ROOT / mutant.file).read_text() for mutant in MUTANTS.values()}
    assert [name for name, mutant in MUTANTS.items() if texts[mutant.file].count(mutant.was) != 1] == []


def test_each_mutant_changes_something() -> None:
    assert [name for name, mutant in MUTANTS.items() if mutant.was == mutant.now] == []


def test_no_two_mutants_have_one_name() -> None:
    rooms = attribution.MUTANTS, contact.MUTANTS, identity.MUTANTS, leads.MUTANTS, running.MUTANTS, stores.MUTANTS
    assert sum(map(len, rooms)) == len(MUTANTS)
