"""The local servers, for real: start, answer, start again, survive kills, leave nothing behind."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clickhouse_connect
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.local import stack as servers
from streams.local.state import LocalStackError, StateFolder
from streams.settings import STORES, Settings, SettingsError, load_settings, read_settings
from tests.stack import local_stack

_SECONDS = 60


def _until(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + _SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {_SECONDS} s: {what}"
        time.sleep(0.05)
    return found


def _descendants(pid: int) -> set[int]:
    """All processes below that one, by the kernel's own list."""
    below: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = {int(child) for child in (task / "children").read_text().split()}
        below |= children.union(*(_descendants(child) for child in children))
    return below


@contextmanager
def _watching(pids: set[int]) -> Iterator[Callable[[], set[int]]]:
    """A function that waits for those processes to end and returns the ones that do not."""
    files = {os.pidfd_open(pid): pid for pid in pids}

    def remaining() -> set[int]:
        left, deadline = set(files), time.monotonic() + _SECONDS
        while left and time.monotonic() < deadline:
            left -= set(select.select(list(left), [], [], 0.5)[0])
        return {files[file] for file in left}

    try:
        yield remaining
    finally:
        for file in files:
            os.close(file)


def _supervisor(settings: Settings) -> int:
    pid = StateFolder(settings.state_dir).supervisor()
    assert pid is not None
    return pid


def test_kafka_answers_and_creates_no_topic_by_itself(stack: Settings) -> None:
    admin = AdminClient({"bootstrap.servers": stack.need("kafka_bootstrap")})
    admin.create_topics([NewTopic("local-stack", num_partitions=1)])["local-stack"].result(10)
    producer = Producer({"bootstrap.servers": stack.need("kafka_bootstrap"), "transactional.id": "local-stack"})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce("local-stack", b"x" * 900_000)
    producer.commit_transaction(10)
    consumer = Consumer(
        {
            "bootstrap.servers": stack.need("kafka_bootstrap"),
            "group.id": "local-stack",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(["local-stack"])
    message = _until(lambda: consumer.poll(1), "the record")
    consumer.close()
    assert len(message.value()) == 900_000
    assert "never-made" not in admin.list_topics("never-made", timeout=5).topics or (
        admin.list_topics("never-made", timeout=5).topics["never-made"].error is not None
    )


def test_postgres_wants_the_password(stack: Settings) -> None:
    with psycopg.connect(**stack.postgres("admin")) as connection:
        assert connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone() == (18,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**stack.postgres("admin"), "password": "wrong"})


def test_starting_again_changes_nothing(stack: Settings) -> None:
    before = StateFolder(stack.state_dir).status()
    again = servers.start(read_settings(state_dir=stack.state_dir))
    assert again.was_running
    assert again.services == STORES
    assert StateFolder(stack.state_dir).status() == before
    assert load_settings(state_dir=stack.state_dir) == stack


def test_secrets_are_in_private_files_and_nowhere_else(stack: Settings) -> None:
    folder = stack.state_dir
    for name in ("services.json", "identity.key", "status.json"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name
    assert folder.stat().st_mode & 0o066 == 0
    secrets = {value for key, value in StateFolder(folder).services().items() if key.endswith("password")}
    secrets.add((folder / "identity.key").read_text().strip())
    assert len(secrets) == 6
    supervisor = _supervisor(stack)
    said = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in {supervisor, *_descendants(supervisor)})
    said += "".join(log.read_text(errors="replace") for log in (folder / "logs").iterdir())
    said += (folder / "status.json").read_text() + repr(stack)
    assert not [secret for secret in secrets if secret in said]


def test_stores_do_not_hold_what_only_the_platform_may_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_WEBHOOK_SIGNING_KEY", "nobody-but-us")
    monkeypatch.setenv("FINEACERS_CLICKHOUSE_DATABASE", "another")
    monkeypatch.setenv("FINEACERS_POSTGRES_DATABASE", "another")
    with local_stack() as settings:
        supervisor = _supervisor(settings)
        held = {pid: Path(f"/proc/{pid}/environ").read_text() for pid in (supervisor, *_descendants(supervisor))}
        assert [pid for pid, environment in held.items() if "nobody-but-us" in environment] == [supervisor]
        with psycopg.connect(**settings.postgres("admin")) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("another",)
        client = clickhouse_connect.get_client(**settings.clickhouse("reader"))
        assert client.command("SELECT currentDatabase()") == "another"
        client.close()


def test_a_killed_service_comes_back(stack: Settings) -> None:
    folder = StateFolder(stack.state_dir)
    os.kill(folder.status()["clickhouse"]["pid"], signal.SIGKILL)
    back = _until(
        lambda: (now := folder.status()["clickhouse"])["restarts"] and now["state"] == "ready" and now,
        "clickhouse is ready again",
    )
    assert back["restarts"] == 1
    client = clickhouse_connect.get_client(**stack.clickhouse("reader"))
    assert client.command("SELECT 1") == 1
    client.close()


def test_nothing_survives_a_killed_supervisor_and_data_do() -> None:
    with local_stack() as settings:
        with psycopg.connect(**settings.postgres("admin")) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        client = clickhouse_connect.get_client(**settings.clickhouse("sink"))
        client.command("CREATE TABLE kept (id Int32) ENGINE = MergeTree ORDER BY id")
        client.close()
        admin = AdminClient({"bootstrap.servers": settings.need("kafka_bootstrap"), "log_level": 0})
        admin.create_topics([NewTopic("kept", num_partitions=1)])["kept"].result(10)
        supervisor = _supervisor(settings)
        below = _descendants(supervisor)
        assert len(below) > len(STORES), "PostgreSQL's own children are among them"
        with _watching(below) as remaining:
            os.kill(supervisor, signal.SIGKILL)
            assert remaining() == set()

        again = servers.start(read_settings(state_dir=settings.state_dir), bound_to_caller=True)
        assert not again.was_running
        with psycopg.connect(**again.settings.postgres("admin")) as connection:
            connection.execute("SELECT id FROM kept")
        client = clickhouse_connect.get_client(**again.settings.clickhouse("reader"))
        assert client.command("SELECT count() FROM kept") == 0
        client.close()
        admin = AdminClient({"bootstrap.servers": again.settings.need("kafka_bootstrap"), "log_level": 0})
        assert "kept" in admin.list_topics(timeout=10).topics


def test_nothing_survives_a_killed_caller(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    script = (
        "import sys, time\n"
        "from streams.local import stack\n"
        "from streams.settings import read_settings\n"
        f"stack.start(read_settings(state_dir={str(folder.path)!r}), ['clickhouse'], bound_to_caller=True)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"up\n"
        supervisor = folder.supervisor()
        assert supervisor is not None
        with _watching({supervisor, *_descendants(supervisor)}) as remaining:
            caller.kill()
            assert remaining() == set()
    assert folder.status()["clickhouse"]["state"] == "stopped"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a state folder of its own, in which nothing runs yet."""
    settings = read_settings(state_dir=tmp_path / "state")
    yield settings
    servers.stop(settings)


def test_a_taken_port_is_replaced_and_the_stack_stops_twice(empty: Settings) -> None:
    first = servers.start(empty, ["clickhouse"], bound_to_caller=True).settings
    assert servers.stop(empty)
    assert not servers.stop(empty)
    port = int(first.need("clickhouse_url").rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        second = servers.start(empty, ["clickhouse"], bound_to_caller=True).settings
    assert second.clickhouse_url != first.clickhouse_url
    assert second.clickhouse_reader_password == first.clickhouse_reader_password
    assert servers.stop(empty, delete_data=True)
    assert not empty.state_dir.exists()


def test_a_store_elsewhere_is_not_started(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("FINEACERS_POSTGRES_HOST", "127.0.0.1")
    started = servers.start(read_settings(state_dir=empty.state_dir), bound_to_caller=True)
    assert started.elsewhere == ("kafka", "postgres")
    assert started.services == ("clickhouse",)
    assert started.settings.kafka_bootstrap == "127.0.0.1:1"


def test_a_service_that_cannot_start_says_why(empty: Settings) -> None:
    StateFolder(empty.state_dir).create()
    (empty.state_dir / "clickhouse").write_text("not a folder")
    with pytest.raises(LocalStackError, match=r"(?s)clickhouse does not start.*exit code 1.*fineacers down"):
        servers.start(empty, ["clickhouse"], bound_to_caller=True)


def test_without_a_stack_the_error_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"run `fineacers up` or set FINEACERS_KAFKA_BOOTSTRAP"):
        load_settings(state_dir=tmp_path)


def test_status_is_json_for_other_tools(stack: Settings) -> None:
    status = json.loads((stack.state_dir / "status.json").read_text())
    assert {name: known["state"] for name, known in status.items()} == dict.fromkeys(STORES, "ready")
