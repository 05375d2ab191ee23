"""A proposed policy: a YAML file of a policy's fields, read, checked, and made a fact that comes before all others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import yaml

from processors.control import policy_of
from schemas.events.governance import PolicyChanged

_VERSION = 2**31 - 1
"""The highest there is, so that none of the recorded ones outranks it."""


class ProposalError(ValueError):
    """A policy that could not be applied; the message says what is wrong with it."""


def read_document(path: Path) -> str:
    """The JSON document of a policy file. Raises ``ProposalError`` when it could not be applied.

    Checked before anything runs: in a run a policy that cannot be applied becomes a dead letter, as it would on the
    line, and the rules would stay as they were without a word.
    """
    try:
        document = json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")))
        policy_of(document, _VERSION, 0)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise ProposalError(f"no policy that could be applied: {error}") from None
    return document


def policy_fact(document: str, lines: Iterable[str]) -> str:
    """The policy as a fact for the workspace of the first of some facts, in force from the beginning of time.

    It stands for all that were recorded: a field that it leaves out is the default's, not that of a recorded policy.
    """
    first = json.loads(next(line for line in lines if line.strip()))
    fact = {
        "type": PolicyChanged.__name__,
        "event_id": "00000000-0000-5000-8000-000000000001",
        "workspace_id": first["workspace_id"],
        "region": first["region"],
        "occurred_at": first.get("received_at") or first["occurred_at"],
        "source": "replay",
        "version": _VERSION,
        "applies_from": "1970-01-01T00:00:00Z",
        "document": document,
    }
    return json.dumps(fact)
