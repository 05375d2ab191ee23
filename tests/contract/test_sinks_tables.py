"""The tables follow from the contracts, and personal values have columns in PostgreSQL's leads alone."""

from __future__ import annotations

from importlib.resources import files

import pytest

from schemas.codec import decode
from schemas.contract import pii_fields
from schemas.topics import ACCEPTED, FACTS, PLATFORM
from sinks.base import SinkError
from sinks.clickhouse.migrate import statements
from sinks.clickhouse.tables import TABLES, Table, migration_text
from sinks.delivery import Record
from sinks.migrations import Migration, load, pending
from sinks.postgres.rows import ROWS, TOPICS
from tests.support.stored import story


def committed(name: str) -> str:
    return files("sinks.clickhouse").joinpath("migrations", name).read_text()


def test_the_committed_tables_are_those_of_the_contracts() -> None:
    assert committed("001_tables.sql") == migration_text(), (
        "the contracts have changed: before the first release write the file anew with "
        "`python -m sinks.clickhouse`, later add a migration"
    )


def test_every_fact_topic_has_its_table() -> None:
    assert {f"accepted.{topic.name}" for topic in FACTS} <= set(TABLES)
    assert {table.name for table in TABLES.values() if table.topic.kind == "accepted"} == {t.name for t in FACTS}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_no_column_takes_a_personal_field(table: Table) -> None:
    for type_ in table.topic.types:
        personal = {name.partition(".")[0] for name in pii_fields(type_)}
        fed = {
            path.removeprefix("fact.") for path in table.paths(type_) if table.topic.kind != "accepted" or "." in path
        }
        assert not personal & fed


def test_no_row_of_postgres_holds_a_personal_value_but_leads_and_dead_letters() -> None:
    told = set()
    for topic, value in story(1):
        decoded = decode(value)
        personal = {getattr(decoded.message, name, None) for name in pii_fields(type(decoded.message))} - {None}
        if personal and (make := ROWS.get(type(decoded.message))):
            told.add(type(decoded.message).__name__)
            for table, row in make(decoded, Record(topic, 0, 0, 0, value)):
                assert table.name in ("leads", "dead_letters") or not personal & {*map(str, row)}, table.name
    assert told >= {"ConsentChanged", "LeadProfiled"}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_other_field_has_a_column(table: Table) -> None:
    names = {column.name for column in table.columns}
    for type_ in table.topic.types:
        personal = {name.partition(".")[0] for name in pii_fields(type_)}
        assert set(type_.model_fields) - personal - names == set()


def test_column_names_differ() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names)), table.name


def test_every_statement_can_be_run_again() -> None:
    for migration in load("sinks.clickhouse"):
        for statement in statements(migration.text):
            assert "IF NOT EXISTS" in statement or statement.startswith("CREATE OR REPLACE"), statement[:80]


def test_every_message_of_postgres_comes_in_a_topic() -> None:
    assert set(TOPICS) <= {topic.name for topic in (*ACCEPTED, *PLATFORM)}
    assert len(TOPICS) == len(set(TOPICS))


def test_migrations_are_numbered_without_gaps() -> None:
    for package in ("sinks.postgres", "sinks.clickhouse"):
        assert [m.number for m in load(package)] == list(range(1, len(load(package)) + 1))


def test_only_what_is_missing_is_applied() -> None:
    first, second = Migration(1, "one", "a"), Migration(2, "two", "b")
    assert pending([first, second], {1: first.checksum}) == [second]


def test_an_applied_migration_may_not_change() -> None:
    with pytest.raises(SinkError, match="001_one has been changed"):
        pending([Migration(1, "one", "a")], {1: Migration(1, "one", "b").checksum})


def test_an_older_program_leaves_a_newer_store_alone() -> None:
    with pytest.raises(SinkError, match="use a newer one"):
        pending([], {7: "x"})
