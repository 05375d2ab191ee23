"""What a call of the outside world came to, and when a call that was surely in vain is worth another one."""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

MAX_TRIES = 10
"""About three minutes of trying. A request that waits keeps those for the same target waiting."""

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 120.0


class Answer(NamedTuple):
    """``again``: the outside surely did not take it and may later, after so many seconds at the least.

    ``unknown``: it may have taken it. ``payload`` is for whoever asked.
    """

    outcome: Literal["done", "refused", "unknown", "again"]
    reason: str
    payload: str = ""
    after: float = 0.0


def pause(tries: int, answer: Answer) -> float:
    """Seconds until the next try: exponential with full jitter, and never sooner than the outside asks."""
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (tries - 1))
    return max(answer.after, random.uniform(0, longest))  # noqa: S311 no secret
