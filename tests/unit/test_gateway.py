"""The gateway's doors over real HTTP, with an outbox that remembers, refuses, or fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientResponse, FormData, web

from models.consent.unsubscribe import UNSUBSCRIBE, Sent
from schemas.codec import decode
from schemas.events.contact import ConsentChanged
from streams.settings import SettingsError, read_settings
from streams.sources.gateway import pages, unsubscribe
from streams.sources.gateway.app import MAX_BODY_BYTES
from streams.sources.gateway.links import unsubscribe_link
from streams.sources.gateway.outbox import NotTakenError
from tests.support import gateway
from tests.support.facts import at
from tests.support.gateway import Client, Kafka

KEY = bytes(range(32))
NOW = at("3-10 08:00") + 1
TOKEN = UNSUBSCRIBE.sealed(KEY, Sent("acme", "UAE", "m1", UUID(int=5)))
LINK = f"/unsubscribe/{TOKEN}"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def routes(kafka: Kafka) -> list[web.RouteDef]:
    return unsubscribe.Unsubscribe(kafka, KEY, lambda: NOW).routes()  # type: ignore[arg-type]


def served(kafka: Kafka, visit: Callable[[Client], Awaitable[Any]]) -> Any:
    return gateway.served(kafka, routes(kafka), visit)


def answer(kafka: Kafka, method: str, path: str = LINK, **given: Any) -> tuple[int, str, ClientResponse]:
    return gateway.answer(kafka, routes(kafka), method, path, **given)


def _multipart() -> FormData:
    form = FormData(default_to_multipart=True)
    form.add_field("List-Unsubscribe", "One-Click")
    return form


@pytest.mark.parametrize("form", [lambda: ONE_CLICK, _multipart], ids=["urlencoded", "multipart"])
def test_a_post_is_one_objection_once_kafka_has_it(form: Callable[[], Any]) -> None:
    kafka = Kafka()
    status, text, _ = answer(kafka, "POST", data=form())
    assert (status, "unsubscribed" in text, kafka.closed) == (200, True, True)
    (record,) = kafka.taken
    said = decode(record.value).message
    assert record.topic == "consents" and isinstance(said, ConsentChanged)
    assert (said.granted, said.purpose, said.contact_point_key) == (False, "marketing", f"email:{UUID(int=5)}")
    assert (said.workspace_id, said.region, "m1" in (said.evidence or "")) == ("acme", "UAE", True)


def test_posts_of_a_minute_are_one_record() -> None:
    kafka = Kafka()

    async def visit(client: Client) -> set[int]:
        async def post() -> int:
            async with client.post(LINK, data=ONE_CLICK) as response:
                return response.status

        return set(await asyncio.gather(*(post() for _ in range(100))))

    assert served(kafka, visit) == {200}
    assert len(kafka.taken) == 100 and len(set(kafka.taken)) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_only_looks_changes_nothing(method: str) -> None:
    kafka = Kafka()
    status, text, response = answer(kafka, method)
    assert status == 200 and not kafka.taken
    assert response.headers["Referrer-Policy"] == "no-referrer" and response.headers["Cache-Control"] == "no-store"
    if method == "GET":
        assert '<form method="post">' in text and TOKEN not in text and "acme" not in text


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 400),
        ({"data": {"List-Unsubscribe": "one-click"}}, 400),
        ({"json": ONE_CLICK}, 400),
        ({"data": b"List-Unsubscribe=One-Click", "headers": {"Content-Type": "text/plain"}}, 400),
        ({"data": b"--", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"data": b"--x\r\nnothing", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
        ({"data": b"a=1", "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=nonsense"}}, 400),
        ({"data": b"\xff=\xff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"data": {**ONE_CLICK, "more": "x" * MAX_BODY_BYTES}}, 413),
    ],
)
def test_what_is_no_one_click_is_refused_and_changes_nothing(given: dict[str, Any], status: int) -> None:
    kafka = Kafka()
    found, text, _ = answer(kafka, "POST", **given)
    assert (found, bool(text.strip()), kafka.taken) == (status, True, [])


def test_a_tampered_token_is_not_found_by_any_method_and_others_are_not_allowed() -> None:
    kafka = Kafka()
    other = LINK[:-1] + ("A" if LINK[-1] != "A" else "B")
    for method in ("GET", "POST"):
        assert answer(kafka, method, other, data=ONE_CLICK)[0] == 404
        assert answer(kafka, method, "/unsubscribe/", data=ONE_CLICK)[0] == 404
    for method in ("PUT", "DELETE", "PATCH"):
        assert answer(kafka, method)[0] == 405
    assert not kafka.taken


def test_what_kafka_did_not_take_is_to_be_tried_again() -> None:
    kafka = Kafka(NotTakenError("away"))
    status, text, response = answer(kafka, "POST", data=ONE_CLICK)
    assert (status, response.headers["Retry-After"], "try again" in text) == (503, "60", True)
    assert answer(kafka, "GET", "/ready")[0] == 503
    assert answer(Kafka(), "GET", "/ready")[0] == 200


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BODY_SECONDS", 0.05)
    kafka = Kafka()

    async def visit(client: Client) -> bytes:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(f"POST {LINK} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n".encode())
        writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nList")
        line = await reader.readline()
        writer.close()
        return line

    assert served(kafka, visit).split()[1] == b"408"
    assert not kafka.taken


def test_what_nobody_expected_is_noted_without_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "streams"):
        status, text, _ = answer(Kafka(RuntimeError(f"cannot publish {TOKEN}")), "POST", data=ONE_CLICK)
    assert status == 500 and TOKEN not in text
    (noted,) = (record.getMessage() for record in caplog.records if record.name.startswith("streams"))
    assert "RuntimeError" in noted and "unsubscribe.py" in noted and TOKEN not in noted


def test_a_link_is_where_the_world_reaches_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unsubscribe_link(read_settings(), "T") == "http://127.0.0.1:6080/unsubscribe/T"
    monkeypatch.setenv("FINEACERS_GATEWAY_URL", "https://mail.example.com/hear/")
    assert unsubscribe_link(read_settings(), "T") == "https://mail.example.com/hear/unsubscribe/T"
    for wrong in ("mail.example.com", "https://ada@mail.example.com", "https://mail.example.com/?x=1"):
        monkeypatch.setenv("FINEACERS_GATEWAY_URL", wrong)
        with pytest.raises(SettingsError, match="FINEACERS_GATEWAY_URL"):
            read_settings()
