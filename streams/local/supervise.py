"""One process that owns all services of a state folder: start in order, watch, restart, stop in reverse order.

Every child is told by the kernel to die with this process (PR_SET_PDEATHSIG), so that nothing is left behind even
after kill -9.

    python -m streams.local.supervise STATE_DIR      run what STATE_DIR/wanted names; SIGHUP reads it again
"""

import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from streams.local.service import Service, bare_environment
from streams.local.services import wanted_services
from streams.local.state import StateFolder

_PR_SET_PDEATHSIG = 1
_PROBE_SECONDS = 0.05
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 30.0
_STABLE_SECONDS = 60.0
_LOG_BYTES = 20_000_000
_PUBLISH_AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)
_prctl = ctypes.CDLL(None).prctl

State = Literal["waiting", "preparing", "starting", "ready", "restarting", "done", "stopped"]


@dataclass
class Status:
    """What is known of one service; `status.json` holds one per name."""

    state: State = "waiting"
    pid: int | None = None
    restarts: int = 0
    reason: str = ""
    changed_at: float = 0.0
    """Unix time in seconds of the last change."""


@dataclass
class _Child:
    service: Service
    status: Status = field(default_factory=Status)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the service is ready, or done."""
    keeper: asyncio.Task[None] | None = None
    process: asyncio.subprocess.Process | None = None


def die_with_parent(parent: int, death_signal: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn` that ties a child to the thread that starts it; that thread must live as long as `parent`."""

    def tie() -> None:
        _prctl(_PR_SET_PDEATHSIG, death_signal.value)
        # The parent may have died before the request reached the kernel.
        if os.getppid() != parent:
            os._exit(1)

    return tie


class Supervisor:
    """Keeps services running and publishes what it knows of them in `status.json`."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._children: dict[str, _Child] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._publishing_again: asyncio.TimerHandle | None = None

    def add(self, services: Iterable[Service]) -> None:
        """Start the services that nobody keeps running yet, each as soon as those that it comes after are ready."""
        for service in services:
            child = self._children.setdefault(service.name, _Child(service))
            kept = child.keeper is not None and (not child.keeper.done() or child.status.state == "done")
            if not kept and service.name not in self._stopping:
                # The child stays the same one: others wait for it.
                child.service = service
                child.keeper = asyncio.create_task(self._keep(child), name=service.name)
        self._publish()

    async def stop(self) -> None:
        """Stop everything, each service only when those that come after it have stopped."""
        await asyncio.gather(*(self._stop(name) for name in self._children))

    async def _keep(self, child: _Child) -> None:
        service, backoff = child.service, _FIRST_BACKOFF_SECONDS
        for name in service.after:
            await self._children[name].up.wait()
        while True:
            started = time.monotonic()
            try:
                reason = await self._run(child)
            except Exception as error:  # a failed preparation or start is this service's failure, not the supervisor's
                reason = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error)
            child.up.clear()
            if service.once and reason == "":
                self._set(child, "done")
                child.up.set()
                return
            if time.monotonic() - started > _STABLE_SECONDS:
                backoff = _FIRST_BACKOFF_SECONDS
            child.status.restarts += 1
            self._set(child, "restarting", reason)
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF_SECONDS)

    async def _run(self, child: _Child) -> str:
        """One life of the service; returns why it ended, "" for a success of one that runs once."""
        service = child.service
        if service.prepare is not None:
            self._set(child, "preparing")
            await asyncio.to_thread(service.prepare)
        self._set(child, "starting")
        process = child.process = await self._spawn(service)
        self._set(child, "starting")
        ending = asyncio.create_task(process.wait())
        try:
            if not service.once:
                await self._until_ready(child, ending)
            code = await ending
        except Exception:  # of the probe; a stop, which cancels this, lets the process end in its own way
            _kill_group(process.pid)
            await process.wait()
            raise
        finally:
            ending.cancel()
        # Whatever a dead leader left in its process group must not meet its successor.
        _kill_group(process.pid)
        child.process = None
        if code == 0 and service.once:
            return ""
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"ended with {ended}, see {self._folder.log(service.name)}"

    async def _until_ready(self, child: _Child, ending: asyncio.Task[int]) -> None:
        probe = child.service.ready
        while probe is not None and not ending.done() and not await asyncio.to_thread(probe):
            await asyncio.wait({ending}, timeout=_PROBE_SECONDS)
        if not ending.done():
            self._set(child, "ready")
            child.up.set()

    async def _spawn(self, service: Service) -> asyncio.subprocess.Process:
        log = self._folder.log(service.name)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        user, group = service.run_as or (None, None)
        log.touch(mode=0o600)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *service.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**(bare_environment() if service.bare else os.environ), **service.env},
                process_group=0,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                preexec_fn=die_with_parent(os.getpid()),
            )
        with suppress(ProcessLookupError):  # what it starts later inherits this
            os.setpriority(os.PRIO_PROCESS, process.pid, os.nice(0) + service.nice)
        return process

    async def _stop(self, name: str) -> None:
        """Stop one service once; whoever asks meanwhile waits for the same stop."""
        if name not in self._stopping:
            self._stopping[name] = asyncio.create_task(self._stop_now(self._children[name]))
        await self._stopping[name]

    async def _stop_now(self, child: _Child) -> None:
        name = child.service.name
        await asyncio.gather(*(self._stop(c.service.name) for c in self._children.values() if name in c.service.after))
        process = child.process
        if child.keeper is not None:
            child.keeper.cancel()
        if process is not None and process.returncode is None:
            process.send_signal(child.service.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), child.service.stop_timeout)
            except TimeoutError:
                self._set(child, "stopped", f"killed: it did not stop within {child.service.stop_timeout:g} s")
            _kill_group(process.pid)
            await process.wait()
        self._set(child, "stopped", child.status.reason)

    def _set(self, child: _Child, state: State, reason: str = "") -> None:
        running = child.process is not None and child.process.returncode is None
        child.status = Status(
            state=state,
            pid=child.process.pid if running and child.process is not None else None,
            restarts=child.status.restarts,
            reason=reason,
            changed_at=time.time(),
        )
        self._publish()

    def _publish(self) -> None:
        """Write `status.json`; where that fails (a full disk), services are kept running and it is tried again."""
        if self._publishing_again is not None:
            self._publishing_again.cancel()
            self._publishing_again = None
        statuses = {name: asdict(child.status) for name, child in self._children.items()}
        try:
            self._folder.write("status.json", json.dumps(statuses, indent=1) + "\n")
        except OSError as error:
            _log.warning("cannot write status.json: %s", error)
            loop = asyncio.get_running_loop()
            self._publishing_again = loop.call_later(_PUBLISH_AGAIN_SECONDS, self._publish)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


async def supervise(folder: StateFolder, services: Callable[[], Iterable[Service]]) -> None:
    """Run the services until SIGTERM or SIGINT; on SIGHUP ask `services` again and start those that are new."""
    supervisor, loop, ended = Supervisor(folder), asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: supervisor.add(services()))
    supervisor.add(services())
    await ended.wait()
    await supervisor.stop()


def main(state_dir: str) -> None:
    """Supervise what the state folder wants; the process that `fineacers up` leaves behind."""
    folder = StateFolder(Path(state_dir))
    with folder.supervising():
        asyncio.run(supervise(folder, lambda: wanted_services(folder)))


if __name__ == "__main__":
    main(sys.argv[1])
