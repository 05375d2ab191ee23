"""Control state by workspace as one partition has it: what the open transaction changed, before what is stored."""

from __future__ import annotations

import msgspec

from processors.control import EMPTY, Control, apply
from schemas.events.base import Event
from streams.store import Store

WORKSPACES_HELD = 128
"""Of so many workspaces it is kept decoded; half a year of daily rates takes 100 kB."""

_decode = msgspec.msgpack.Decoder(Control).decode  # made here and not by the first threads (DECISIONS 28)


class Controls:
    """``of`` a workspace; ``hear`` control records, then ``changed`` says what to store; ``end`` the transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stored: dict[str, Control] = {}
        self._fresh: dict[str, Control] = {}

    def of(self, workspace: str) -> Control:
        """Control state of a workspace."""
        control = self._fresh.get(workspace) or self._stored.get(workspace)
        if control is None:
            stored = self._store.control(workspace)
            control = _decode(stored) if stored is not None else EMPTY
            self._hold({workspace: control})
        return control

    def hear(self, event: Event) -> bool:
        """Take in a control record. Returns whether it says anything new."""
        before = self.of(event.workspace_id)
        after = apply(before, event)
        if after is not before:
            self._fresh[event.workspace_id] = after
        return after is not before

    def changed(self) -> dict[str, bytes]:
        """What the transaction changed, by workspace."""
        return {workspace: msgspec.msgpack.encode(control) for workspace, control in self._fresh.items()}

    def end(self, *, committed: bool) -> None:
        """The transaction's changes are stored, or are forgotten."""
        if committed:
            self._hold(self._fresh)
        self._fresh = {}

    def _hold(self, controls: dict[str, Control]) -> None:
        if len(self._stored) + len(controls) > WORKSPACES_HELD:
            self._stored.clear()
        self._stored |= controls
