"""The gateway of the whole line: an allowed e-mail's link is looked at, posted to, and the broker away."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from schemas.codec import decode
from schemas.events.contact import ConsentChanged
from schemas.events.operations import StageCounted
from streams.local.state import StateFolder
from tests.chaos.lab import until
from tests.kafka import read_all
from tests.line import Line, running_line

WORKSPACE = {"workspace_id": "acme", "region": "UAE", "source": "test"}
ADDRESS = "ada@example.com"
ONE_CLICK = b"List-Unsubscribe=One-Click"
POSTS = 20

pytestmark = pytest.mark.timeout(300)


def publish(line: Line, topic: str, type_: str, **fields: Any) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fact = {"type": type_, "event_id": str(uuid4()), "occurred_at": now, "email": ADDRESS, **WORKSPACE, **fields}
    line.run("publish", topic, given=json.dumps(fact) + "\n")


def status(url: str, body: bytes | None = None) -> int:
    """What a GET, or a POST of a body, is answered with."""
    try:
        with urlopen(Request(url, data=body), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def objections(line: Line) -> list[ConsentChanged]:
    """What the gateway has published, repeats included."""
    records = [one for found in read_all(line.settings, ["consents"]).values() for one in found]
    facts = [decode(record.value).message for record in records]
    return [one for one in facts if isinstance(one, ConsentChanged) and one.source == "gateway"]


def test_a_link_is_sent_looked_at_posted_to_and_heard() -> None:
    with running_line() as line:
        base = line.settings.gateway_address
        publish(line, "leads", "LeadCaptured", channel="web", phone="+971501234567")
        consent = {"consent_id": "c1", "channel": "email", "purpose": "marketing", "evidence": "box ticked"}
        publish(line, "consents", "ConsentChanged", granted=True, **consent)

        def lead() -> Any:
            return line.run("lead", "find", "email", ADDRESS, "--workspace", "acme", expect=None).stdout[:36]

        until(lead, "the lead is known")

        def shown(what: str) -> Any:
            return json.loads(line.run("lead", "show", lead(), "--json").stdout)[what]

        until(lambda: shown("consents"), "consent is known")

        def decided(message: str) -> Any:
            return next((one for one in shown("decisions") if one["message_id"] == message), None)

        publish(line, "outreach", "OutreachRequested", channel="email", message_id="m1", purpose="news")
        until(lambda: decided("m1"), "the first message is decided")
        allowed = decided("m1")
        link = allowed["unsubscribe"]
        assert allowed["decision"] == "allow" and link.startswith(f"{base}/unsubscribe/")
        assert link in line.run("lead", "show", lead()).stdout.replace("\n", "")

        with ThreadPoolExecutor(POSTS) as pool:
            assert set(pool.map(status, [link] * POSTS)) == {200}
            tampered = link[:-1] + ("A" if link[-1] != "A" else "B")
            assert (status(tampered), status(tampered, ONE_CLICK), status(link, b"yes")) == (404, 404, 400)
            assert not objections(line)
            assert set(pool.map(status, [link] * POSTS, [ONE_CLICK] * POSTS)) == {200}
        posted = objections(line)
        distinct = {one.event_id for one in posted}
        assert len(posted) == POSTS and len(distinct) <= 2  # a minute may have turned

        def repeats() -> int:
            found = read_all(line.settings, ["stage.counts"])
            counted = [decode(one.value).message for records in found.values() for one in records]
            return sum(
                count.count
                for one in counted
                if isinstance(one, StageCounted) and one.stage == "resolve"
                for count in one.counts
                if (count.topic, count.outcome) == ("consents", "duplicate")
            )

        until(lambda: repeats() == POSTS - len(distinct), "repeats are counted as such")
        until(lambda: len(shown("consents")) == 1 + len(distinct), "the stores know of it")
        publish(line, "outreach", "OutreachRequested", channel="email", message_id="m2", purpose="news")
        until(lambda: decided("m2"), "the second message is decided")
        denied, said = decided("m2"), [one for one in shown("consents") if one["source"] == "gateway"][-1]
        assert (denied["decision"], denied["reason"]) == ("deny", "opted_out")
        assert denied["consent_id"] == said["consent_id"] and said["has_evidence"] and not said["granted"]
        assert denied["contact_point"] == said["contact_point"] == allowed["contact_point"]

        broker = line.pid("kafka")
        os.kill(broker, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(2) as pool:
                assert set(pool.map(status, [link, f"{base}/ready"], [ONE_CLICK, None])) == {503}
        finally:
            os.kill(broker, signal.SIGCONT)
        until(lambda: status(link, ONE_CLICK) == 200, "the broker is back")
        assert len(objections(line)) > POSTS
        line.report()
        log = StateFolder(line.folder).log("gateway").read_text()
        assert "listening" in log and link.rpartition("/")[2] not in log and ADDRESS not in log
