"""Whose a weak identifier was at an instant: a pure function of the set of logins (identity specification, section 3).

Owner at an instant is who logged in last before it, else who logged in first ever: so anonymous history is claimed by
the first login, and a late login restates just the interval after it.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_LOGINS = 64


class Login(NamedTuple):
    """A strong identifier (its key) was named together with the weak one. Microseconds."""

    at: int
    fact_id: str
    strong: str


class Logins(NamedTuple):
    """Logins in order, and from when on the identifier is a kiosk, which belongs to nobody who logs in."""

    known: tuple[Login, ...]
    kiosk_at: int | None = None


def with_login(logins: Logins, login: Login) -> Logins:
    """Logins with one more; beyond ``MAX_LOGINS`` those inside a run of one owner are let go, then it is a kiosk."""
    if login in logins.known:
        return logins
    known = sorted((*logins.known, login))
    kiosk_at = logins.kiosk_at
    if len(known) > MAX_LOGINS:
        known = [
            one
            for place, one in enumerate(known)
            if place == 0 or place == len(known) - 1
            or not known[place - 1].strong == one.strong == known[place + 1].strong
        ]  # fmt: skip
    for one in known[MAX_LOGINS:]:
        kiosk_at = one.at if kiosk_at is None else min(kiosk_at, one.at)
    return Logins(tuple(known[:MAX_LOGINS]), kiosk_at)


def runs_of(logins: Logins) -> list[tuple[int, str | None]]:
    """(since, strong identifier or nobody) in order, the first since 0; empty without a login."""
    if not logins.known:
        return []
    steps: dict[int, str | None] = {0: logins.known[0].strong}
    steps.update((login.at, login.strong) for login in logins.known)  # of one instant the last one by fact
    if logins.kiosk_at is not None:
        steps = {at: strong for at, strong in steps.items() if at < logins.kiosk_at} | {logins.kiosk_at: None}
    runs: list[tuple[int, str | None]] = []
    for since, strong in steps.items():
        if not runs or runs[-1][1] != strong:
            runs.append((since, strong))
    return runs
