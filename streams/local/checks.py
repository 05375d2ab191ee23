"""What can be wrong with this machine or with the servers, looked at one by one; nothing is started or changed."""

import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from streams.hanging import LONGEST_OPEN_SECONDS, CannotLook, hanging, told
from streams.kafka import access_config
from streams.local import kafka, postgres, stack
from streams.local.jars import locked_jars, missing
from streams.local.state import LocalStackError, StateFolder
from streams.settings import (
    STORES,
    ClickHouseUser,
    PostgresRole,
    Settings,
    SettingsError,
    identity_fingerprint,
    identity_key,
)

_OLDEST_PYTHON = (3, 11)
_LEAST_MEMORY_DAYS = 90
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
    elsewhere = stack.elsewhere(settings)
    yield from _parts(elsewhere)
    if "kafka" not in elsewhere:
        yield _jars(settings)
    yield _disk(settings)
    yield _identity(settings)
    broker = _server("Kafka", settings.kafka_bootstrap, _ask_kafka, settings)
    yield broker
    if broker.result == "ok":
        yield _groups(settings)
        yield from _transactions(settings)
    yield _server("PostgreSQL", settings.postgres_host, _ask_postgres, settings)
    yield _server("ClickHouse", settings.clickhouse_url, _ask_clickhouse, settings)
    yield from _services(StateFolder(settings.state_dir))


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info < _OLDEST_PYTHON:
        return Check("Python", "wrong", f"{found}; Python 3.11 or later is needed")
    return Check("Python", "ok", found)


def _parts(elsewhere: Collection[str]) -> Iterator[Check]:
    """What the local servers are made of, those that run elsewhere left out.

    Where one does, this may be a machine of a worker or a sink, which needs no server of its own: what is missing for
    the others is no more than a note.
    """
    parts = {
        "platform": (STORES, _platform),
        "Java": (("kafka",), _java),
        "PostgreSQL wheel": (("postgres",), _postgres_wheel),
        "ClickHouse wheel": (("clickhouse",), _clickhouse_wheel),
    }
    for name, (stores, look) in parts.items():
        if not set(stores) <= set(elsewhere):
            found = _guarded(name, look)
            yield replace(found, result="note") if elsewhere and found.result == "wrong" else found


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


def _server(name: str, address: str | None, ask: Callable[[Settings], str], settings: Settings) -> Check:
    if address is None:
        return Check(name, "note", "not started; `fineacers up` does it")
    try:
        return Check(name, "ok", f"{ask(settings)} at {address}")
    except (KafkaException, psycopg.Error, ClickHouseError, SettingsError) as error:
        reason = str(error).strip().splitlines()[0]
        ours = address in StateFolder(settings.state_dir).services().values()
        then = "`fineacers up` starts the local one" if ours else "is the address right, and does the server run?"
        return Check(name, "wrong", f"no answer at {address}: {reason}; {then}")


def _ask_kafka(settings: Settings) -> str:
    client = AdminClient({**access_config(settings), "log_level": 0})
    metadata = client.list_topics(timeout=5)
    return f"{len(metadata.brokers)} broker(s), {len(metadata.topics)} topics, cluster {metadata.cluster_id}"


def _groups(settings: Settings) -> Check:
    """How long the brokers remember what a group without members has read, by the setting of one of them."""
    name = "Kafka groups"
    admin = AdminClient({**access_config(settings), "log_level": 0})
    try:
        broker = ConfigResource(ConfigResource.Type.BROKER, str(next(iter(admin.list_topics(timeout=5).brokers))))
        found = admin.describe_configs([broker])[broker].result(5)["offsets.retention.minutes"].value
    except KafkaException as error:
        return Check(name, "note", f"could not ask how long they are remembered: {error.args[0].str()}")
    days = int(found) / 1_440
    if days < _LEAST_MEMORY_DAYS:
        more = f"raise offsets.retention.minutes: intake must not stand still for longer than {days:.0f} days"
        return Check(name, "note", f"forgotten {days:.0f} days after their last member left; {more}")
    return Check(name, "ok", f"remembered for {days:,.0f} days without members")


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
    # the machine of a gateway or of a sink has no other login than its own
    roles: tuple[PostgresRole, ...] = ("admin", "sink", "reader")
    known = (role for role in roles if getattr(settings, f"postgres_{role}_password") is not None)
    with psycopg.connect(**settings.postgres(next(known, "admin")), connect_timeout=5) as connection:
        return f"version {connection.info.parameter_status('server_version')}"


def _ask_clickhouse(settings: Settings) -> str:
    user: ClickHouseUser = "sink" if settings.clickhouse_reader_password is None else "reader"
    client = clickhouse_connect.get_client(**settings.clickhouse(user), connect_timeout=5)
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
