"""A Kafka that lets in only who has a password, by TLS only: the platform runs on it, and says what is wrong else."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from streams.engine.engine import Engine
from streams.engine.metrics import Metrics
from streams.kafka import admin_client, consumer_config, is_denied
from streams.local import checks
from streams.local.jars import locked_jars
from streams.local.kafka import find_java
from streams.local.state import free_port
from streams.local.supervise import die_with_parent
from streams.settings import Settings, read_settings
from tests.chaos.counter import Counter, Feed
from tests.chaos.exact import check_outputs, outputs_of

_PASSWORD = "correct-horse-battery"
_READY_SECONDS = 90.0
_JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=DOOR://127.0.0.1:{door},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=DOOR://127.0.0.1:{door},INSIDE://127.0.0.1:{inside}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INSIDE
listener.security.protocol.map=DOOR:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.door.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.door.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.door.ssl.keystore.type=PEM
listener.name.door.ssl.keystore.location={identity}
log.dirs={data}
auto.create.topics.enable=false
message.max.bytes=4194304
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with which one gets in."""
    folder = tmp_path_factory.mktemp("guarded")
    ports: list[int] = []
    for _ in range(3):
        ports.append(free_port(ports))
    door, inside, controller = ports
    certificate, identity = _certified(folder)
    config = folder / "server.properties"
    config.write_text(
        _PROPERTIES.format(door=door, inside=inside, controller=controller, identity=identity, data=folder / "data")
    )
    settings = read_settings(
        state_dir=folder / "state",
        kafka_bootstrap=f"127.0.0.1:{door}",
        kafka_tls=True,
        kafka_ca=certificate,
        kafka_username="platform",
        kafka_password=_PASSWORD,
    )
    class_path = os.pathsep.join(str(jar.path(settings.cache_dir.expanduser())) for jar in locked_jars())
    java = [str(find_java()), *_JVM, "-cp", class_path]
    user = f"SCRAM-SHA-512=[name=platform,password={_PASSWORD}]"
    tool = [*java, "kafka.tools.StorageTool", "format", "-t", "guarded-guarded-guarde", "-c", str(config)]
    subprocess.run([*tool, "--add-scram", user], check=True, capture_output=True, timeout=60)
    with (folder / "log").open("wb") as log:
        tie = die_with_parent(os.getpid())
        broker = subprocess.Popen([*java, "kafka.Kafka", str(config)], stdout=log, stderr=log, preexec_fn=tie)  # noqa: PLW1509
    try:
        _await(settings, broker, folder / "log")
        yield settings
    finally:
        broker.kill()
        broker.wait()


def test_an_engine_runs_behind_tls_and_a_password(guarded: Settings) -> None:
    counter = Counter("guarded")
    counter.create(guarded)
    feed = Feed(counter, guarded)
    feed.send(300)
    applied = 0
    engine = Engine(counter.stage, (counter.stage,), guarded, bytes(32), Metrics(), stopping=threading.Event())
    deadline = time.monotonic() + _READY_SECONDS
    while applied < 300:
        batch = engine.poll()
        engine.process(batch)
        applied += sum(bool(record.key) for records in batch.values() for record in records)
        assert time.monotonic() < deadline
    engine.close()
    check_outputs(feed, outputs_of(guarded, counter))


def test_doctor_looks_through_the_same_door(guarded: Settings) -> None:
    kafka = next(check for check in checks.all_checks(guarded) if check.name == "Kafka")
    assert kafka.result == "ok", kafka.found


@pytest.mark.parametrize("given", [{"kafka_password": "wrong"}, {"kafka_ca": None}], ids=["password", "certificate"])
def test_whoever_is_not_let_in_is_told_so(
    guarded: Settings, given: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    strange = read_settings(**{**guarded.model_dump(exclude_none=True), **given})
    consumer = Consumer(consumer_config(strange, "stranger", "strangers"))
    with pytest.raises(KafkaException):
        consumer.list_topics(timeout=3)
    consumer.poll(0.1)
    consumer.close()
    assert "stranger: Kafka refuses access" in caplog.text
    assert _PASSWORD not in caplog.text


def _await(settings: Settings, broker: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        assert broker.poll() is None, log.read_text()[-2_000:]
        try:
            admin_client(settings, "test").list_topics(timeout=2)
            return
        except KafkaException as error:
            assert not is_denied(error), error
            assert time.monotonic() < deadline, log.read_text()[-2_000:]


def _certified(folder: Path) -> tuple[Path, Path]:
    """Files with a certificate of 127.0.0.1 that signs itself, and with its key and itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kafka")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(pem)
    (folder / "identity.pem").write_bytes(secret + pem)
    return folder / "certificate.pem", folder / "identity.pem"
