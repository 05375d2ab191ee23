"""What the doors for people's browsers share: pages that are kept nowhere, and forms within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.web_request import FileField

BODY_SECONDS = 5

PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
}
"""Headers of all answers: their addresses are secrets of those who were sent them."""


def page(title: str, body: str, status: int = 200) -> web.Response:
    """A page of a title and a body in HTML, both escaped where they need be."""
    text = (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title>\n{body}</html>\n"
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=PRIVATE)


async def posted(request: web.Request) -> Mapping[str, str | bytes | bytearray | FileField]:
    """The fields of the form in a request's body; none where it is no form, whatever it says it is."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.post()
    except TimeoutError:
        text = f"The body took longer than {BODY_SECONDS} seconds.\n"
        raise web.HTTPRequestTimeout(text=text, headers=PRIVATE) from None
    except (HttpProcessingError, ValueError, LookupError, AssertionError):
        return {}
