"""Effects without a broker: what an answer means, what is signed, where addresses may point, what is said of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from pydantic import SecretStr

from models.approval import APPROVALS, Wanted
from schemas.codec import encode
from schemas.events.effects import EffectDone
from schemas.events.incidents import IncidentRaised
from schemas.events.operations import Tick
from schemas.topics import TOPICS
from streams.effects import answer, webhook
from streams.effects.answer import Answer, pause
from streams.effects.webhook import Webhooks, addresses, judged, signed
from streams.effects.worker import REQUESTS, Place, place_at
from streams.settings import Settings, SettingsError
from tests.support.facts import at
from tests.support.receiver import KEY, SECRET, receiving, wanted
from tests.support.runs import Run, new_run

NOON = 1_772_366_400.0  # 2026-03-01 12:00 UTC


def settings(webhooks: object, key: str | None = KEY) -> Settings:
    text = webhooks if isinstance(webhooks, str) else json.dumps(webhooks)
    return Settings(
        webhooks=SecretStr(text),
        webhook_signing_key=SecretStr(key) if key else None,
        identity_key=SecretStr("07" * 32),
        gateway_url="https://acme.example.com",
    )


@pytest.mark.parametrize(
    ("status", "retry_after", "means"),
    [
        (200, None, Answer("done", "answered", "200")),
        (204, None, Answer("done", "answered", "204")),
        (429, None, Answer("again", "too_many_requests", "429", 0.0)),
        (429, "30", Answer("again", "too_many_requests", "429", 30.0)),
        (503, "Sun, 01 Mar 2026 12:00:20 GMT", Answer("again", "unavailable", "503", 20.0)),
        (503, "Sun, 01 Mar 2026 11:00:00 GMT", Answer("again", "unavailable", "503", 0.0)),
        (503, "86400", Answer("again", "unavailable", "503", 3_600.0)),
        (503, "soon", Answer("again", "unavailable", "503", 0.0)),
        (503, None, Answer("unknown", "server_error", "503")),
        (500, "5", Answer("unknown", "server_error", "500")),
        (502, None, Answer("unknown", "server_error", "502")),
        (504, None, Answer("unknown", "server_error", "504")),
        (302, None, Answer("refused", "redirected", "302")),
        (404, None, Answer("refused", "rejected", "404")),
    ],
)
def test_what_a_status_means(status: int, retry_after: str | None, means: Answer) -> None:
    assert judged(status, retry_after, NOON) == means


def test_a_pause_grows_to_its_bound_and_is_never_shorter_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for share in (0.0, 1.0):
        monkeypatch.setattr(answer.random, "uniform", lambda low, high, share=share: low + share * (high - low))
        pauses = [pause(tries, Answer("again", "unreachable")) for tries in range(1, 11)]
        assert pauses == [share * min(120.0, 2.0**n) for n in range(10)]
    assert pause(1, Answer("again", "unavailable", after=40.0)) == 40.0


def test_a_post_is_signed_as_slack_signs() -> None:
    body = b'{"text": "hello"}'
    mac = hmac.new(KEY.encode(), b"v0:1772366400:" + body, hashlib.sha256).hexdigest()
    headers = signed(body, KEY.encode(), int(NOON))
    assert headers["X-Fineacers-Signature"] == f"v0={mac}"
    assert headers["X-Fineacers-Request-Timestamp"] == "1772366400"


def test_a_post_reaches_whom_the_settings_name_and_nobody_else() -> None:
    with receiving() as receiver:
        call = Webhooks(settings({"sales": receiver.url("sales")}))
        request = wanted()
        assert call(request) == Answer("done", "answered", "200")
        (one,) = receiver.calls[request.request_id]
        assert json.loads(one.body) == {"text": "200 Grüße"}
        assert not receiver.forged
        assert call(wanted(target="reviewers")) == Answer("refused", "unknown_webhook")
        assert len(receiver.calls) == 1


def test_reviewers_get_a_link_that_names_their_request() -> None:
    with receiving() as receiver:
        request = wanted(about="approval")
        Webhooks(settings({"sales": receiver.url("sales")}))(request)
        (one,) = receiver.calls[request.request_id]
    said, _, link = json.loads(one.body)["text"].rpartition("https://acme.example.com/approvals/")
    assert said == "200 Grüße\nOr here: "
    named = Wanted("acme", "UAE", UUID(request.about_id), UUID(request.lead_id))
    assert APPROVALS.opened(bytes([7] * 32), link) == named


def test_where_nobody_listens_it_is_tried_again_and_where_the_answer_is_cut_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with receiving() as receiver:
        call = Webhooks(settings({"sales": receiver.url("sales")}))
        assert call(wanted(payload="cut")) == Answer("unknown", "no_answer")
    assert call(wanted()) == Answer("again", "unreachable")
    assert caplog.records
    assert SECRET not in caplog.text and "127.0.0.1" not in caplog.text


@pytest.mark.parametrize("failure", [UnicodeError("label too long"), OSError(), ValueError()])
def test_whatever_keeps_from_connecting_nothing_was_sent(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    call = Webhooks(settings({"sales": "https://example.com/x"}))
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert call(wanted()) == Answer("again", "unreachable")


def test_a_name_of_many_hosts_does_not_keep_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def silent(host: object, timeout: float) -> None:
        tried.append(host)
        raise TimeoutError

    found: list[object] = [(socket.AF_INET6, 1, 6, "", (f"2001:db8::{n}", 443, 0, 0)) for n in range(100)]
    found += [(socket.AF_INET, 1, 6, "", (f"192.0.2.{n}", 443)) for n in range(100)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", silent)
    assert Webhooks(settings({"sales": "https://example.com/x"}))(wanted()) == Answer("again", "unreachable")
    assert tried == [(host, 443) for host in ("2001:db8::0", "2001:db8::1", "192.0.2.0", "192.0.2.1")]


def test_a_host_that_does_not_listen_leaves_it_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = socket.getaddrinfo
    with receiving() as receiver:
        call = Webhooks(settings({"sales": receiver.url("sales").replace("127.0.0.1", "localhost")}))

        def both(host: str, port: int, *_: object, **__: object) -> list[object]:
            names = ("127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
            return [found for name in names for found in ask(name, port, type=socket.SOCK_STREAM)]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        assert call(wanted()) == Answer("done", "answered", "200")


def test_a_handshake_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "CONNECT_SECONDS", 0.5)

    def drip(listening: socket.socket) -> None:
        with suppress(OSError):
            peer, _ = listening.accept()
            with peer:
                peer.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # a long first word of a server
                while True:
                    time.sleep(0.05)
                    peer.sendall(b"\x00")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        call = Webhooks(settings({"sales": f"https://localhost:{listening.getsockname()[1]}/x"}))
        begun = time.monotonic()
        assert call(wanted()) == Answer("again", "unreachable")
        assert 0.4 < time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "webhooks",
    [
        "no JSON, but secret",
        '["secret"]',
        {"sales": 7},
        {"sales": "secret"},
        {"sales": "ftp://secret.example.com/x"},
        {"sales": "http://secret.example.com/x"},
        {"sales": "https://secret.example.com:port/x"},
        {"sales": "https://secret.example.com/x\ny"},
        {"sales": "https:///secret"},
        {"sales": "https://[secret/x"},
        {"sales": "https://secret..example.com/x"},
        {"sales": f"https://secret.{'a' * 64}.example.com/x"},
        {"sales": "https://secret example.com/x"},
        {"sales": "https://secret.example.com/x y"},
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(webhooks: object) -> None:
    with pytest.raises(SettingsError, match="FINEACERS_WEBHOOKS") as told:
        addresses(settings(webhooks))
    assert "secret" not in str(told.value)
    assert told.value.__suppress_context__ or told.value.__context__ is None


@pytest.mark.parametrize("nothing", ["", "{}"])
def test_without_webhooks_nobody_is_told_and_no_key_is_needed(nothing: str) -> None:
    assert Webhooks(settings(nothing, key=None))(wanted()) == Answer("refused", "unknown_webhook")
    assert addresses(Settings(webhooks=None)) == {}


def test_with_webhooks_a_key_is_needed() -> None:
    with pytest.raises(SettingsError, match="FINEACERS_WEBHOOK_SIGNING_KEY"):
        Webhooks(settings({"sales": "https://example.com/x"}, key=None))


def test_settings_that_are_shown_show_no_address() -> None:
    shown = {one["name"]: one["value"] for one in settings({"sales": "https://example.com/secret"}).shown()}
    assert shown["FINEACERS_WEBHOOKS"] == shown["FINEACERS_WEBHOOK_SIGNING_KEY"] == "(set)"


def test_a_mark_says_whether_a_call_may_have_been_made() -> None:
    for place in (Place(7), Place(7, tries=3), Place(7, begun=True), Place(7, tries=3, begun=True)):
        committed = TopicPartition(REQUESTS.name, 0, 7, metadata=place.mark)
        assert place_at(committed) == place
    assert place_at(TopicPartition(REQUESTS.name, 0)) == Place(OFFSET_BEGINNING)


# -- the way back


def heard(run: Run, message: Any, topic: str = "effects.results") -> Run:
    value = message if isinstance(message, bytes) else encode(message)
    run.driver.publish(topic, "any", value, at("3-1"))
    return run


def result(**fields: Any) -> EffectDone:
    request = wanted()
    common = {name: getattr(request, name) for name in EffectDone.model_fields if hasattr(request, name)}
    return EffectDone.build(**{**common, "outcome": "done", "reason": "answered", "tries": 1, "payload": "", **fields})


def test_a_result_reaches_the_key_that_it_is_addressed_to_unchanged() -> None:
    run, done = new_run(), result()
    heard(run, done)
    (record,) = (record for slot, records in run.driver.log.items() if slot[0] == "journeys" for record in records)
    assert record.key == f"acme/{done.reply_key}"
    assert record.value == encode(done)
    assert len(run.driver.values("effects.results")) == 1, "it is not published anew"
    assert not run.dead_letters() and not run.said("incidents", IncidentRaised)


@pytest.mark.parametrize(("outcome", "reason"), [("refused", "unreachable"), ("unknown", "interrupted")])
def test_that_nobody_was_told_is_an_incident(outcome: str, reason: str) -> None:
    run, done = new_run(), result(outcome=outcome, reason=reason)
    heard(run, done)
    (incident,) = run.said("incidents", IncidentRaised)
    assert (incident.kind, incident.lead_id, incident.severity) == ("not_told", done.reply_key, "warning")
    assert incident.detail == f"reply not told to sales: {outcome}, {reason}"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"no Avro", "bad_magic"),
        (Tick.build(at=5), "wrong_topic"),
        (result(reply_stage="nobody"), "invalid_field"),
    ],
)
def test_what_is_no_result_becomes_a_dead_letter(given: Any, reason: str) -> None:
    (letter,) = heard(new_run(), given).dead_letters()
    assert letter.topic == "effects.results"
    assert letter.reason == reason


def test_a_result_in_a_fact_topic_is_refused() -> None:
    (letter,) = heard(new_run(), result(), "leads").dead_letters()
    assert letter.reason == "wrong_topic"


def test_no_payload_can_hold_personal_data() -> None:
    assert not any(TOPICS[name].personal for name in ("effects.requests", "effects.results", "lead.replies"))
