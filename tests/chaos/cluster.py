"""Brokers of a schedule's own: as many KRaft nodes as it wants, each killed and started again as it likes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException

from streams.kafka import admin_client
from streams.local.jars import locked_jars
from streams.local.kafka import find_java
from streams.local.state import free_port
from streams.local.supervise import die_with_parent
from streams.settings import Settings
from tests.chaos.proxy import Proxy

_JVM = ("-Xmx256m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_READY_SECONDS = 120.0
_INTERNAL_PARTITIONS = 4
# The listener LINK is what workers use: its advertised ports are those of the proxies.
_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},LINK://127.0.0.1:{link_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},LINK://127.0.0.1:{proxy_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LINK:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions={internal}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions={internal}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
replica.lag.time.max.ms=6000
"""


class Cluster:
    """Running brokers, numbered from 1, and the links to them."""

    def __init__(self, settings: Settings, folder: Path, count: int) -> None:
        self._folder = folder
        self._java = find_java()
        self._class_path = os.pathsep.join(str(jar.path(settings.cache_dir.expanduser())) for jar in locked_jars())
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        ports: list[int] = []
        for _ in range(count * 4):
            ports.append(free_port(ports))
        self._ports = {node: ports[4 * node - 4 : 4 * node] for node in range(1, count + 1)}
        self.proxies: list[Proxy] = []
        self.bootstrap = ",".join(f"127.0.0.1:{own[0]}" for own in self._ports.values())
        self.link = ",".join(f"127.0.0.1:{own[3]}" for own in self._ports.values())
        self.settings = settings.model_copy(update={"kafka_bootstrap": self.bootstrap})
        cluster = uuid4().hex[:22]
        for node, (port, link_port, controller_port, proxy_port) in self._ports.items():
            self.proxies.append(Proxy(proxy_port, link_port))
            home = folder / f"node-{node}"
            home.mkdir(parents=True)
            voters = ",".join(f"{other}@127.0.0.1:{own[2]}" for other, own in self._ports.items())
            properties = _PROPERTIES.format(
                node=node,
                voters=voters,
                port=port,
                link_port=link_port,
                controller_port=controller_port,
                proxy_port=proxy_port,
                data=home / "data",
                copies=count,
                in_sync=max(1, count - 1),
                internal=_INTERNAL_PARTITIONS,
            )
            (home / "server.properties").write_text(properties)
            self._run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(home / "server.properties"))

    def start_all(self) -> None:
        """Start every broker."""
        for node in self._ports:
            self.start(node)

    @property
    def nodes(self) -> list[int]:
        """The brokers' numbers."""
        return list(self._ports)

    def start(self, node: int) -> None:
        """Start a broker, again."""
        home = self._folder / f"node-{node}"
        command = [str(self._java), *_JVM, "-cp", self._class_path, "kafka.Kafka", str(home / "server.properties")]
        with (home / "log").open("ab") as log:
            tie = die_with_parent(os.getpid())
            self._processes[node] = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=tie)  # noqa: PLW1509

    def kill(self, node: int) -> None:
        """End a broker without warning."""
        self._processes[node].send_signal(signal.SIGKILL)
        self._processes[node].wait()

    def await_whole(self) -> None:
        """Wait until every broker says that every partition has a leader and all its copies in sync.

        One that was started again answers once it belongs to the cluster again. The others may not know yet that it was
        away: as long as most of the controllers were, nothing of it was written down.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while not all(self._sees_all(f"127.0.0.1:{own[0]}") for own in self._ports.values()):
            for node, process in self._processes.items():
                log = (self._folder / f"node-{node}" / "log").read_text()[-2_000:]
                assert process.poll() is None, f"broker {node} has ended:\n{log}"
            assert time.monotonic() < deadline, "the brokers do not come together"
            time.sleep(0.2)

    def leader(self, topic: str, partition: int) -> int | None:
        """The broker that leads a partition; none when none does."""
        admin = admin_client(self.settings, "test.cluster")
        leader: int = admin.list_topics(topic, timeout=10).topics[topic].partitions[partition].leader
        return leader if leader > 0 else None

    def coordinator(self, topic: str, name: str) -> int | None:
        """The broker that coordinates a group (``__consumer_offsets``) or a transactional id."""
        return self.leader(topic, java_hash(name) % _INTERNAL_PARTITIONS)

    def close(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        for proxy in self.proxies:
            proxy.close()

    def _sees_all(self, address: str) -> bool:
        admin = admin_client(self.settings.model_copy(update={"kafka_bootstrap": address}), "test.cluster")
        try:
            found = admin.list_topics(timeout=5)
        except KafkaException:
            return False
        partitions = [partition for topic in found.topics.values() for partition in topic.partitions.values()]
        return len(found.brokers) == len(self._ports) and all(
            partition.leader > 0 and len(partition.isrs) == len(partition.replicas) for partition in partitions
        )

    def _run(self, *arguments: str) -> None:
        command = [str(self._java), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._class_path, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr or ended.stdout


def java_hash(text: str) -> int:
    """Java's hash of an ASCII string without its sign, as Kafka spreads groups and transactional ids by it."""
    value = 0
    for char in text:
        value = (31 * value + ord(char)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


@contextmanager
def cluster(settings: Settings, folder: Path, count: int) -> Iterator[Cluster]:
    """Brokers for the duration."""
    made = Cluster(settings, folder, count)
    try:
        made.start_all()
        made.await_whole()
        yield made
    finally:
        made.close()
