"""Control state by workspace as one partition has it: what the open transaction changed, before what is stored."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from processors.control import EMPTY, Control, Part, apply, by_stretch, of_parts, parts_of
from schemas.events.base import Event
from streams.store import Store

WORKSPACES_HELD = 128
"""Of so many workspaces it is kept decoded; half a year of daily rates takes 100 kB."""


_Parted = tuple[str, list[str]]
"""A workspace's own record: ``swept``, and the names of its parts, each of which is a record ``workspace/name``.

Older records are control state as a whole, rates by pair: an object, so that older code refuses this array.
"""

_decode = msgspec.msgpack.Decoder(_Parted | Control).decode  # made here and not by the first threads (DECISIONS 28)
_encode = msgspec.msgpack.Encoder().encode


class Controls:
    """``of`` a workspace; ``hear`` control records, then ``changed`` says what to store; ``end`` the transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stored: dict[str, tuple[Control, dict[str, Part]]] = {}  # and the parts that are records of their own
        self._fresh: dict[str, Control] = {}
        self._before: dict[str, dict[str, Part]] = {}

    def of(self, workspace: str) -> Control:
        """Control state of a workspace."""
        return self._fresh.get(workspace) or self._known(workspace)[0]

    def hear(self, event: Event) -> bool:
        """Take in a control record. Returns whether it says anything new."""
        workspace = event.workspace_id
        before = self.of(workspace)
        after = apply(before, event)
        if after is not before:
            if workspace not in self._fresh:
                self._before[workspace] = self._known(workspace)[1]
            self._fresh[workspace] = after
        return after is not before

    def changed(self) -> dict[str, bytes]:
        """What the transaction changed, by the name of the record."""
        records = {}
        for workspace, control in self._fresh.items():
            parts, before = parts_of(control), self._before[workspace]
            records[workspace] = _encode((control.swept, sorted(parts)))
            for name, part in parts.items():
                if before.get(name) is not part:
                    records[f"{workspace}/{name}"] = _encode(part)
        return records

    def end(self, *, committed: bool) -> None:
        """The transaction's changes are stored, or are forgotten."""
        if committed:
            for workspace, control in self._fresh.items():
                self._hold(workspace, control, parts_of(control))
        self._fresh, self._before = {}, {}

    def _known(self, workspace: str) -> tuple[Control, dict[str, Part]]:
        """Control state as it is stored, and its parts that are."""
        if (known := self._stored.get(workspace)) is None:
            known = self._hold(workspace, *self._read(workspace))
        return known

    def _read(self, workspace: str) -> tuple[Control, dict[str, Part]]:
        record = self._store.control(workspace)
        if record is None:
            return EMPTY, {}
        stored = _decode(record)
        if isinstance(stored, Control):
            return replace(stored, rates=by_stretch(stored.rates)), {}
        swept, names = stored
        control = of_parts({name: self._part(workspace, name) for name in names}, swept)
        return control, parts_of(control)

    def _part(self, workspace: str, name: str) -> bytes:
        part = self._store.control(f"{workspace}/{name}")
        assert part is not None, "parts are written with the record that names them"
        return part

    def _hold(self, workspace: str, control: Control, parts: dict[str, Part]) -> tuple[Control, dict[str, Part]]:
        if len(self._stored) >= WORKSPACES_HELD and workspace not in self._stored:
            self._stored.clear()
        self._stored[workspace] = control, parts
        return control, parts
