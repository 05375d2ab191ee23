"""The store on disk says what the store in memory says, whatever is written, also reopened or restored."""

from __future__ import annotations

import uuid
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.base import Step
from schemas.events.base import DAY
from streams.engine.changelog import bring_forward, move_of, records
from streams.engine.rocks import RocksStore
from streams.stage import KeyState, Stage
from streams.state import StateCodec
from streams.store import Changes, MemoryStore, Seen, timer_entries


class Note(msgspec.Struct):
    """Any state."""

    text: str = ""


STAGE = Stage("notes", ("notes",), (Step("note", lambda s, e, c: (s, ()), (), slice=Note),))
CODEC = StateCodec(STAGE)
FAR = 2**62
WORKSPACES = ("a", "ab", "b.c")

keys = st.builds("{}/{}".format, st.sampled_from(WORKSPACES), st.text(st.sampled_from("0a/é~"), max_size=3))
timers = st.dictionaries(
    st.sampled_from(["note.x", "note.xy"]), st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=2
)
states = st.builds(lambda text, timers: KeyState({"note": Note(text)}, timers), st.text(max_size=3), timers)
ids = st.integers(0, 9).map(lambda number: str(uuid.UUID(int=number * 0xABC)))


Step = tuple[int, dict[str, KeyState], set[str], dict[str, bytes], bytes | None]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Transactions: the clock, states by key, ids that were accepted, control state, the partition's record."""
    steps = draw(st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=8))
    clock, found = 0, []
    for step in steps:
        clock += step
        changed = draw(st.dictionaries(keys, states, max_size=3))
        controls = draw(st.dictionaries(st.sampled_from(WORKSPACES), st.binary(max_size=3), max_size=2))
        accepted, meta = draw(st.sets(ids, max_size=3)), draw(st.none() | st.binary(max_size=3))
        found.append((clock, changed, accepted, controls, meta))
    return found


@settings(max_examples=60, deadline=None)
@given(history=histories(), cuts=st.sets(st.integers(0, 60)))
def test_rocks_says_what_memory_says(history: list[Step], cuts: set[int]) -> None:
    with TemporaryDirectory() as folder:
        memory, rocks = MemoryStore(), RocksStore(Path(folder) / "own")
        held: dict[str, KeyState] = {}
        log: list[tuple[bytes, bytes | None]] = []
        for number, (now, changed, accepted, controls, meta) in enumerate(history):
            seen = {i: Seen(number.to_bytes(8), now) for i in accepted}
            changes = Changes(seen=seen, controls=controls, meta=meta)
            for key, state in changed.items():
                before = timer_entries(key, held[key].timers) if key in held else set()
                after = timer_entries(key, state.timers)
                changes.timers_gone |= before - after
                changes.timers_set |= after - before
                changes.states[key] = CODEC.encode(state)
                held[key] = state
            move = move_of(rocks, now, number * 10, number * 10 + 10, None)
            log += records(changes, move)
            rocks.moves(move)
            rocks.write(changes)
            memory.write(changes)
            _same(rocks, memory, now)
        position = rocks.position.inbox
        rocks.close()
        again = RocksStore(Path(folder) / "own")
        assert again.position.inbox == position
        _same(again, memory, now)
        again.close()

        restored = RocksStore(Path(folder) / "restored")
        places = [0, *sorted(cut for cut in cuts if 0 < cut < len(log)), len(log)]
        for begin, end in pairwise(places):
            bring_forward(restored, log[begin:end], end)
        assert (restored.position.inbox, restored.position.changelog) == (position, len(log))
        _same(restored, memory, now)
        restored.close()


def _same(rocks: RocksStore, memory: MemoryStore, now: int) -> None:
    assert rocks.keys_after("", 100) == memory.keys_after("", 100)
    assert rocks.keys_after("ab/", 2) == memory.keys_after("ab/", 2)
    for key in memory.states:
        assert rocks.get(key) == memory.get(key)
    for until in (FAR, 25, 0):
        assert list(rocks.due(until)) == list(memory.due(until))
    for workspace in WORKSPACES:
        assert rocks.control(workspace) == memory.control(workspace)
    assert rocks.meta() == memory.meta()
    for number in range(10):
        name = str(uuid.UUID(int=number * 0xABC))
        known = memory.seen(name)
        if known is None or now - known.at < 7 * DAY:
            assert rocks.seen(name) == known
        else:
            assert rocks.seen(name) in (None, known), "an expired id may be forgotten"


def test_ids_expire_and_are_forgotten_on_disk_and_in_the_changelog(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    log: list[tuple[bytes, bytes | None]] = []
    for number, now in enumerate((0, DAY, 7 * DAY, 8 * DAY, 30 * DAY)):
        changes = Changes(seen={str(uuid.UUID(int=number)): Seen(bytes(8), now)} if number < 3 else {})
        move = move_of(store, now, number, number + 1, None)
        log += records(changes, move)
        store.moves(move)
        store.write(changes)
    assert [key for key, value in log if value is None] == [b"#seen:0", b"#seen:1", b"#seen:2"]
    assert {key[:1] for key, _ in store.contents()} == {b"p"}
    store.close()
