"""From a hot lead to the reviewers' channel and back: the whole line, as `fineacers up` starts it."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

import pytest

from processors.base import Visit
from schemas.events.governance import PolicyChanged
from schemas.topics import TOPICS
from streams.local.state import StateFolder
from tests.chaos.lab import until
from tests.line import Line, running_line
from tests.support.receiver import KEY, SECRET, receiving
from tests.support.runs import STAGES

WORKSPACE = {"workspace_id": "acme", "region": "UAE", "source": "test"}
ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}

_VISITED = [stage for stage in STAGES if Visit in stage.consumes and PolicyChanged not in stage.consulted]
_PARTITIONS = sum(TOPICS[stage.inputs[0]].partitions for stage in _VISITED)
"""Of all stages that a policy visits."""

pytestmark = pytest.mark.timeout(300)


def publish(line: Line, topic: str, type_: str, **fields: Any) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fact = {"type": type_, "event_id": str(uuid4()), "occurred_at": now, **WORKSPACE, **fields}
    line.run("publish", topic, given=json.dumps(fact) + "\n")


def test_reviewers_are_told_answer_and_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("FINEACERS_WEBHOOKS", json.dumps({"acme-reviewers": receiver.url("reviewers")}))
        monkeypatch.setenv("FINEACERS_WEBHOOK_SIGNING_KEY", KEY)
        with running_line() as line:
            document = json.dumps({"webhooks": [["reviewers", "acme-reviewers"]]})
            since = "2020-01-01T00:00:00Z"
            publish(line, "policies", "PolicyChanged", version=1, applies_from=since, document=document)
            line.run("tail", "sweeps", "--from-beginning", "--limit", str(_PARTITIONS))  # then all know the policy
            publish(line, "leads", "LeadCaptured", channel="web", budget_minor=2_500_000_000, currency="INR", **ADA)
            touch = {"touch_id": "t", "kind": "inquiry", "channel": "web", "email": ADA["email"]}
            publish(line, "touchpoints", "TouchpointRecorded", **touch)
            until(lambda: len(receiver.calls) == 1, "reviewers are told")
            (call,) = next(iter(receiver.calls.values()))
            text = json.loads(call.body)["text"]
            assert "worth 25,000,000.00 INR" in text and "Ada" not in text

            def told() -> Any:
                waiting = json.loads(line.run("approvals", "list", "--json").stdout)
                return waiting and waiting[0]["told"] == "done" and waiting[0]

            until(told, "the result has come back to where an operator looks")
            approval = told()["approval_id"]
            assert f"approvals decide {approval} approved" in text
            link = text.rpartition("Or here: ")[2]
            assert link == told()["answer"] and link.startswith(f"{line.settings.gateway_address}/approvals/")
            with urlopen(link, timeout=30) as page:
                assert "25,000,000.00 INR" in page.read().decode()
            assert told(), "to look is not to answer"
            by_link = urlencode({"name": "Grace", "decision": "rejected"}).encode()
            with urlopen(link, by_link, timeout=30) as page:
                assert (page.status, "rejected by Grace" in page.read().decode()) == (200, True)
            second = line.run("approvals", "decide", approval, "approved", "--reason", "C-1", "--yes", expect=1)
            assert "rejected by Grace" in second.stderr and "the first word stands" in second.stderr
            with pytest.raises(HTTPError) as refused, urlopen(link, by_link, timeout=30):
                pass
            with refused.value as page:
                assert page.status == 409
            assert not receiver.forged and len(receiver.calls) == 1
            logs = [path.read_text(errors="replace") for path in StateFolder(line.folder).logs.iterdir()]
            report = line.run("report", "--json").stdout
            for secret in (SECRET, KEY, link.rpartition("/")[2]):
                assert not any(secret in said for said in (*logs, report, line.run("doctor", expect=None).stdout))
