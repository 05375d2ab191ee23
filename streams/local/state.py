"""The state folder: what is kept, who holds it, which ports and passwords it uses.

services.json     addresses and passwords, 0600, read by `settings`
status.json       what the supervisor last knew of each service
wanted            names of the services to run, one a line
identity.key      key of the identifier hashes, drawn once
supervisor.lock   held by the supervisor as long as it lives; contains its pid
up.lock           held by `up` while it works; where it is, the folder is ours
logs/NAME.log     one per service
kafka/ postgres/ clickhouse/   their data
engine/ demo/     what workers keep, what `fineacers demo` simulated
"""

import fcntl
import json
import os
import random
import re
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from streams.settings import SERVICES_FILE, Settings

# Below the ports that the kernel lends to outgoing connections, so that ours are not taken while we are stopped.
_PORTS = range(20000, 32000)
_PASSWORDS = (
    "postgres_admin_password",
    "postgres_sink_password",
    "postgres_reader_password",
    "clickhouse_sink_password",
    "clickhouse_reader_password",
    "webhook_signing_key",
)
_MARK = "up.lock"
_NAMED = 5
# What is ours in the folder, files that a killed process has not renamed yet among it.
_OURS = re.compile(
    r"(services\.json|status\.json|wanted|identity\.key|(supervisor|up)\.lock|logs|kafka|postgres|clickhouse|engine|demo)"
    r"|\.(services\.json|status\.json|wanted)\.\d+"
    r"|identity\.key\.\d+\.[0-9a-f]{8}"
)
# What there can be before `up` has run, of workers and commands that were given their servers by the environment.
_BEFORE_UP = (
    "services.json", "identity.key", "identity.key.*.*", "engine/faust", "engine/effects/*/lock", "demo/truth-*.json"
)  # fmt: skip


class LocalStackError(Exception):
    """The local stack cannot do what was asked; the message says why and what to do next."""


class StateFolder:
    """One state folder on disk. Making the object touches nothing; `create` does."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def create(self) -> None:
        """Make the folder, closed to others, except that PostgreSQL's own user must pass through it under root.

        Raises:
            LocalStackError: there is such a folder, and it holds something else.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        strangers = self._strangers()
        if strangers:
            some = ", ".join(strangers[:_NAMED]) + (" …" if len(strangers) > _NAMED else "")
            raise LocalStackError(
                f"{self.path} holds what the platform has not put there ({some}): set FINEACERS_STATE_DIR to a folder "
                "that is empty or does not exist"
            )
        (self.path / _MARK).touch(mode=0o600)
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self.logs.mkdir(mode=0o700, exist_ok=True)

    def delete(self) -> None:
        """Delete what is ours, then the folder unless something else is in it.

        Raises:
            LocalStackError: it is not a state folder.
        """
        if not (self.path / _MARK).exists():
            raise LocalStackError(f"{self.path} was not made by `fineacers up`: delete it yourself if you mean it")
        # The mark last: who is interrupted may begin again.
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry.name == _MARK):
            if not _OURS.fullmatch(entry.name):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        with suppress(OSError):  # not empty, or a link, or another disk begins there
            self.path.rmdir()

    def _strangers(self) -> list[str]:
        """Names of what somebody else has put there; none once `up` has run on the folder."""
        names = {entry.name for entry in self.path.iterdir()}
        if _MARK in names:
            return []
        ours = {found.relative_to(self.path).parts[0] for trace in _BEFORE_UP for found in self.path.glob(trace)}
        return sorted(names - ours)

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return self.path / "logs"

    def log(self, name: str) -> Path:
        """Log file of one service."""
        return self.logs / f"{name}.log"

    def write(self, name: str, content: str) -> None:
        """Replace one of the folder's own files, readable by its owner only; a reader sees the old or the new one."""
        fresh = self.path / f".{name}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        fresh.replace(self.path / name)

    def status(self) -> dict[str, Any]:
        """Last status of each service by name; empty when nothing ever ran."""
        try:
            status = json.loads((self.path / "status.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return dict(status)

    def wanted(self) -> tuple[str, ...]:
        """Names of the services that the supervisor is to run."""
        try:
            return tuple((self.path / "wanted").read_text().split())
        except FileNotFoundError:
            return ()

    def want(self, names: Iterable[str]) -> None:
        """Set the services that the supervisor is to run."""
        self.write("wanted", "".join(f"{name}\n" for name in names))

    @contextmanager
    def only_one(self, purpose: str) -> Iterator[None]:
        """Hold `PURPOSE.lock` for the duration; waits for another process that holds it."""
        with (self.path / f"{purpose}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def supervising(self) -> Iterator[None]:
        """Be this folder's supervisor.

        Raises:
            LocalStackError: another process is.
        """
        with (self.path / "supervisor.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalStackError(f"another supervisor already runs on {self.path}") from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def supervisor(self) -> int | None:
        """Pid of the living supervisor, or None. Asks the lock, not the pid: pids are reused, locks are not."""
        try:
            with (self.path / "supervisor.lock").open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
                return None
        except FileNotFoundError:
            return None

    def assign(self, settings: Settings, services: Iterable[str], workers: Iterable[str] = ()) -> None:
        """Write services.json: addresses of what runs here, the kept ports where still free, passwords drawn once.

        Call it only while no supervisor runs. Workers are given the ports on which they tell whether they are ready.
        """
        chosen = set(services)
        stored = self.services()
        taken: set[int] = set()

        def port(name: str) -> int:
            kept = stored.get(name)
            free = kept if isinstance(kept, int) and is_free(kept) and kept not in taken else free_port(taken)
            taken.add(free)
            stored[name] = free
            return free

        for name in _PASSWORDS:
            given = getattr(settings, name)
            if given is not None:
                stored[name] = given.get_secret_value()
            else:
                stored.setdefault(name, secrets.token_urlsafe(24))
        if "kafka" in chosen:
            port("kafka_controller_port")
            stored["kafka_bootstrap"] = f"127.0.0.1:{port('kafka_port')}"
        if "postgres" in chosen:
            port("postgres_port")
            stored["postgres_host"] = "127.0.0.1"
        if "clickhouse" in chosen:
            stored["clickhouse_url"] = f"http://127.0.0.1:{port('clickhouse_port')}"
        port("gateway_port")
        for worker in workers:
            port(metrics_port_of(worker))
        self.write(SERVICES_FILE, json.dumps(stored, indent=1) + "\n")

    def services(self) -> dict[str, Any]:
        """Content of services.json, or an empty dictionary."""
        try:
            return dict(json.loads((self.path / SERVICES_FILE).read_text()))
        except FileNotFoundError:
            return {}


def metrics_port_of(worker: str) -> str:
    """What a worker's port is called in services.json."""
    return f"metrics_port_of_{worker}"


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: a connection that is still closing does not keep the port from us.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(taken: Iterable[int] = ()) -> int:
    """A port of 127.0.0.1 on which nobody listens and that is not in `taken`.

    Raises:
        LocalStackError: none was found.
    """
    avoid = set(taken)
    for port in random.sample(_PORTS, 200):
        if port not in avoid and is_free(port):
            return port
    raise LocalStackError(f"no free port between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1: stop what uses them")
