"""What can be wrong with this machine or with the servers, looked at one by one; nothing is started or changed."""

import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.hanging import LONGEST_OPEN_SECONDS, CannotLook, hanging, told
from streams.local import kafka, postgres, stack
from streams.local.jars import locked_jars, missing
from streams.local.state import LocalStackError, StateFolder
from streams.settings import Settings, SettingsError, identity_fingerprint, identity_key

_OLDEST_PYTHON = (3, 11)
_LEAST_DISK_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Check:
    """One finding."""

    name: str
    result: Literal["ok", "note", "wrong"]
    """`note`: nothing is wrong, but it is not there yet."""
    found: str
    """What was found, and where something is wrong what to do."""


def all_checks(settings: Settings) -> Iterator[Check]:
    """Every check, in the order in which a cause comes before its effects."""
    yield _python()
    yield _guarded("platform", _platform)
    yield _guarded("Java", _java)
    yield _guarded("PostgreSQL wheel", _postgres_wheel)
    yield _guarded("ClickHouse wheel", _clickhouse_wheel)
    yield _jars(settings)
    yield _disk(settings)
    yield _identity(settings)
    broker = _server("Kafka", settings.kafka_bootstrap, lambda: _ask_kafka(settings))
    yield broker
    if broker.result == "ok":
        yield from _transactions(settings)
    yield _server("PostgreSQL", settings.postgres_host, lambda: _ask_postgres(settings))
    yield _server("ClickHouse", settings.clickhouse_url, lambda: _ask_clickhouse(settings))
    yield from _services(StateFolder(settings.state_dir))


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info < _OLDEST_PYTHON:
        return Check("Python", "wrong", f"{found}; Python 3.11 or later is needed")
    return Check("Python", "ok", found)


def _platform() -> str:
    stack.require_platform()
    return f"{platform.system()} {platform.machine()}"


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except (LocalStackError, SettingsError) as error:
        return Check(name, "wrong", str(error))


def _java() -> str:
    java = kafka.find_java()
    return f"{kafka.java_version(java)} at {java}"


def _postgres_wheel() -> str:
    program = postgres.find_programs() / "postgres"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if said.returncode != 0:
        raise LocalStackError(f"{program} does not run: {said.stderr.strip()}")
    return said.stdout.strip()


def _clickhouse_wheel() -> str:
    stack.require_chdb()
    try:
        return f"chdb {version('chdb')}"
    except PackageNotFoundError:
        return "chdb"


def _jars(settings: Settings) -> Check:
    jars = locked_jars()
    absent = missing(jars, settings.cache_dir.expanduser())
    if absent:
        return Check("Kafka jars", "note", f"{len(absent)} of {len(jars)} not downloaded; `fineacers up` does it")
    return Check("Kafka jars", "ok", f"{len(jars)}, every checksum is the locked one")


def _disk(settings: Settings) -> Check:
    folder = settings.state_dir.absolute()
    place = next(step for step in (folder, *folder.parents) if step.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free at {place}"
    if free < _LEAST_DISK_BYTES:
        return Check("disk", "wrong", f"{found}; at least {_LEAST_DISK_BYTES / 1e9:.0f} GB are needed")
    return Check("disk", "ok", found)


def _identity(settings: Settings) -> Check:
    if settings.identity_key is None and not (settings.state_dir / "identity.key").exists():
        return Check("identity key", "note", "not drawn yet; `fineacers up` does it")
    return _guarded("identity key", lambda: f"fingerprint {identity_fingerprint(identity_key(settings))}")


def _server(name: str, address: str | None, ask: Callable[[], str]) -> Check:
    if address is None:
        return Check(name, "note", "not started; `fineacers up` does it")
    try:
        return Check(name, "ok", f"{ask()} at {address}")
    except (KafkaException, psycopg.Error, ClickHouseError, SettingsError) as error:
        reason = str(error).strip().splitlines()[0]
        return Check(name, "wrong", f"no answer at {address}: {reason}; `fineacers up` starts the local one")


def _ask_kafka(settings: Settings) -> str:
    client = AdminClient({"bootstrap.servers": settings.need("kafka_bootstrap"), "log_level": 0})
    metadata = client.list_topics(timeout=5)
    return f"{len(metadata.brokers)} broker(s), {len(metadata.topics)} topics, cluster {metadata.cluster_id}"


def _transactions(settings: Settings) -> Iterator[Check]:
    """One finding for each transaction that hangs."""
    name, bootstrap = "Kafka transactions", settings.need("kafka_bootstrap")
    try:
        found = list(hanging(settings, time.time_ns() // 1_000_000))
    except (CannotLook, KafkaException) as error:
        yield Check(name, "note", f"could not look: {error}")
    else:
        for one in found:
            yield Check(name, "wrong", told(one, bootstrap))
        if not found:
            yield Check(
                name, "ok", f"none is open for more than {LONGEST_OPEN_SECONDS:.0f} s or left by its coordinator"
            )


def _ask_postgres(settings: Settings) -> str:
    with psycopg.connect(**settings.postgres("admin"), connect_timeout=5) as connection:
        return f"version {connection.info.parameter_status('server_version')}"


def _ask_clickhouse(settings: Settings) -> str:
    client = clickhouse_connect.get_client(**settings.clickhouse("reader"), connect_timeout=5)
    try:
        return f"version {client.server_version}"
    finally:
        client.close()


def _services(folder: StateFolder) -> Iterator[Check]:
    alive = folder.supervisor() is not None
    for name, status in folder.status().items():
        log = Path(folder.log(name))
        if not alive and status["state"] != "stopped":
            yield Check(f"process {name}", "wrong", "its supervisor died; `fineacers up` starts everything again")
        elif status["state"] == "restarting":
            yield Check(f"process {name}", "wrong", f"{status['reason']} ({status['restarts']} restarts)")
        else:
            yield Check(f"process {name}", "ok" if alive else "note", f"{status['state']}, log {log}")
