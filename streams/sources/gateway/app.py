"""The HTTP server of all doors: its limits, whether it is ready, and what it never writes down."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Collection

from aiohttp import web
from aiohttp.typedefs import Handler

from streams.sources.gateway.outbox import Outbox

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 4_096
_IDLE_SECONDS = 15.0
_STOP_SECONDS = 10.0
"""Longer than any request is waited for."""


def application(outbox: Outbox, topics: Collection[str], routes: Collection[web.RouteDef]) -> web.Application:
    """The doors, and ``/ready``: whether Kafka answers and has their topics. ``outbox`` is closed with it."""

    async def ready(_request: web.Request) -> web.Response:
        missing = [topic for topic in topics if not await outbox.reaches(topic)]
        if missing:
            text = f"no topic {', '.join(missing)}, or Kafka does not answer: `fineacers doctor`\n"
            raise web.HTTPServiceUnavailable(text=text)
        return web.Response(text="ready\n")

    async def closing(_app: web.Application) -> AsyncIterator[None]:
        yield
        outbox.close()

    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_discreet])
    app.cleanup_ctx.append(closing)
    app.add_routes([web.get("/ready", ready), *routes])
    return app


def serve(app: web.Application, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way. Raises ``OSError`` where the port is taken."""
    # Their lines name whole addresses of requests, tokens included, and who asked.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    web.run_app(
        app,
        host=host,
        port=port,
        access_log=None,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_STOP_SECONDS,
        print=lambda _: log.info("gateway: listening on %s:%d", host, port),
    )


@web.middleware
async def _discreet(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Of what nobody expected the place is told and nothing that the request said."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("gateway: %s\n%s", type(error).__name__, where)
        raise web.HTTPInternalServerError(text="This failed here, and was noted: please try again later.\n") from None
