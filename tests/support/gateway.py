"""The gateway's doors over real HTTP, with an outbox that remembers, refuses, or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from streams.sources.gateway.app import application
from streams.sources.refusals import Publication


class Kafka:
    """Takes records in place of an outbox; ``fault`` is raised instead where there is one."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.taken, self.closed = fault, list[Publication](), False

    async def put(self, record: Publication) -> None:
        if self.fault is not None:
            raise self.fault
        self.taken.append(record)

    async def reaches(self, topic: str) -> bool:
        return self.fault is None and topic == "consents"

    def close(self) -> None:
        self.closed = True


Client = TestClient[Any, Any]


def served(kafka: Kafka, routes: Collection[web.RouteDef], visit: Callable[[Client], Awaitable[Any]]) -> Any:
    """What a visit of the gateway comes to."""

    async def run() -> Any:
        async with TestClient(TestServer(application(kafka, ("consents",), routes))) as client:  # type: ignore[arg-type]
            return await visit(client)

    return asyncio.run(run())


def answer(
    kafka: Kafka, routes: Collection[web.RouteDef], method: str, path: str, **given: Any
) -> tuple[int, str, ClientResponse]:
    """Status, text and the rest of the answer to one request."""

    async def visit(client: Client) -> tuple[int, str, ClientResponse]:
        async with client.request(method, path, **given) as response:
            return response.status, await response.text(), response

    return served(kafka, routes, visit)  # type: ignore[no-any-return]
