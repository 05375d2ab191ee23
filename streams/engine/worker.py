"""The worker: faust runs the engines of one process, with its own Kafka layer switched off.

faust brings the process's life (boot order, signals, orderly stop), an agent per stage, and the web pages. A pump turns
an engine on a thread of its own and hands each batch to the stage's agent over a channel that holds one; the next turn
comes after the agent has applied it. So nothing of an engine ever overlaps.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import faust
from faust.app.base import BootStrategy
from mode import Service

from streams.engine.collector import collect_less_often
from streams.engine.engine import Batch, Engine
from streams.engine.faults import EngineFault, Fenced, Stopped
from streams.engine.metrics import Metrics
from streams.settings import Settings
from streams.stage import Stage

log = logging.getLogger(__name__)

FIRST_PORT = 6066
_PORTS = 100
_ANEW_SECONDS = 1.0

T = TypeVar("T")


class _Pump(Service):
    """Turns one engine until it is to stop or fails."""

    def __init__(self, app: Any, stage: str, make: Callable[[threading.Event], Engine], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.fault: BaseException | None = None
        self.engine: Engine | None = None
        self._make = make
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=stage)
        self._channel = app.channel(maxsize=1)
        self._applied = asyncio.Queue[BaseException | None](1)
        self._stopping = threading.Event()
        self._turning: asyncio.Task[None] | None = None
        app.agent(self._channel, name=stage)(self._agent)

    async def on_start(self) -> None:
        """Begin turning; joining the group goes on meanwhile."""
        self._turning = asyncio.create_task(self._turn())

    async def on_stop(self) -> None:
        """Wait until the engine has committed and left its group; agents and web still run."""
        self._stopping.set()
        if self._turning is not None:
            await self._turning
        self._thread.shutdown()

    async def _agent(self, batches: Any) -> None:
        async for batch in batches:
            try:
                assert self.engine is not None
                await self._on_thread(self.engine.process, batch)
            except Exception as error:  # an agent's own error would be logged, its batch skipped, and work go on
                await self._applied.put(error)
            else:
                await self._applied.put(None)

    async def _turn(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    await self._turn_one(await self._on_thread(self._make, self._stopping))
                except Fenced as why:
                    log.warning("stage %s begins anew: %s", self.stage, why)
                    await asyncio.sleep(_ANEW_SECONDS)
        except Stopped as why:
            log.warning("stage %s: %s", self.stage, why)
        except Exception as fault:
            self.fault = fault
            await self.crash(fault)

    async def _turn_one(self, engine: Engine) -> None:
        """Turn an engine until this pump is to stop."""
        self.engine = engine
        try:
            while not self._stopping.is_set():
                batch: Batch = await self._on_thread(engine.poll)
                if batch:
                    await self._channel.put(batch)
                    error = await self._applied.get()
                    if error is not None:
                        raise error
        except BaseException:
            await self._on_thread(engine.abandon)
            raise
        await self._on_thread(engine.close)

    async def _on_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def run(stages: Sequence[Stage], all_stages: Sequence[Stage], settings: Settings, identity_key: bytes) -> None:
    """Run stages in this process until SIGTERM or SIGINT.

    ``/metrics`` and ``/ready`` are served on loopback, on the port of the settings, else the first free one from
    ``FIRST_PORT`` on.

    Raises:
        EngineFault: a stage cannot go on; all have stopped, and nothing half done is visible.
    """
    collect_less_often()
    metrics, pumps = Metrics(), list[_Pump]()

    class Boot(BootStrategy):
        enable_kafka = False

        def agents(self) -> Any:
            return [*super().agents(), *pumps]  # pumps stop before the agents that they feed

    class App(faust.App):
        BootStrategy = Boot

    # faust wants a folder, though it keeps nothing in it.
    folder = settings.state_dir / "engine" / "faust"
    folder.mkdir(parents=True, exist_ok=True)
    port = settings.metrics_port or _free_port()
    app = App(
        "fineacers",
        datadir=folder,
        web_host="127.0.0.1",
        web_bind="127.0.0.1",
        web_port=port,
    )
    app.flow_control.resume()
    for stage in stages:

        def make(stopping: threading.Event, stage: Stage = stage) -> Engine:
            return Engine(stage, all_stages, settings, identity_key, metrics, stopping=stopping)

        pumps.append(_Pump(app, stage.name, make))

    @app.page("/metrics")
    async def metrics_page(web: Any, request: Any) -> Any:
        return web.bytes(metrics.text(), content_type="text/plain")

    @app.page("/ready")
    async def ready_page(web: Any, request: Any) -> Any:
        ready = {pump.stage: pump.engine is not None and pump.engine.ready for pump in pumps}
        return web.json(ready, status=200 if all(ready.values()) else 503)

    log.info("stages %s, metrics at http://127.0.0.1:%s/metrics", ", ".join(s.name for s in stages), port)
    worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        fault = next((pump.fault for pump in pumps if pump.fault is not None), None)
        if fault is not None:
            raise fault from None
        if end.code:
            raise


def _free_port() -> int:
    """A port that is free, and is left to us by the other workers of this machine, who look at the same moment.

    The claim is the UDP port of that number, which nobody else uses: it is shared by exactly those who share the ports,
    whatever their user, folders or containers, and ends with the process.
    """
    for port in range(FIRST_PORT, FIRST_PORT + _PORTS):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise EngineFault(f"no free port for metrics from {FIRST_PORT} to {FIRST_PORT + _PORTS - 1} on this machine")


_claims: list[socket.socket] = []  # held as long as the process lives
