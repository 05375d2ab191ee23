"""A link between workers and a broker that can be cut, silenced, made deaf and slowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

_CHUNK = 65_536


class Proxy:
    """Passes TCP from a port of 127.0.0.1 to another, on a thread of its own.

    ``mend`` makes it a good link again. What a silent or deaf link has held is delivered then, as after lost packets.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._cut = False
        self._delay = 0.0
        self._chunk = _CHUNK
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._thread.start()
        self._server, self._requests, self._answers = self._do(self._open())

    # -- from the schedule's thread

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._do(self._break())

    def silence(self) -> None:
        """Keep connections and pass nothing in either direction."""
        self._do(self._gates(requests=False, answers=False))

    def deafen(self) -> None:
        """Pass requests, hold answers: what was asked for is done, and the asker does not learn of it."""
        self._do(self._gates(requests=True, answers=False))

    def slow(self, seconds: float, chunk: int) -> None:
        """Delay each piece, and pass small pieces only."""
        self._delay, self._chunk = seconds, chunk

    def mend(self, *, reset: bool = False) -> None:
        """Be a good link again; ``reset``: what was held is lost with its connections."""
        if reset:
            self._do(self._break())
        self._cut, self._delay, self._chunk = False, 0.0, _CHUNK
        self._do(self._gates(requests=True, answers=True))

    def close(self) -> None:
        """End it."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # -- on its own thread

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> tuple[asyncio.Server, asyncio.Event, asyncio.Event]:
        requests, answers = asyncio.Event(), asyncio.Event()
        requests.set()
        answers.set()
        return await asyncio.start_server(self._connected, "127.0.0.1", self.port), requests, answers

    async def _gates(self, *, requests: bool, answers: bool) -> None:
        for gate, is_open in ((self._requests, requests), (self._answers, answers)):
            if is_open:
                gate.set()
            else:
                gate.clear()

    async def _break(self) -> None:
        self._cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        await self._break()
        self._server.close()
        ways = asyncio.all_tasks() - {asyncio.current_task()}
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(
                self._pass(reader, far_writer, self._requests), self._pass(far_reader, writer, self._answers)
            )
        finally:
            self._writers -= both

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        with suppress(OSError):
            while piece := await reader.read(self._chunk):
                await gate.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()
