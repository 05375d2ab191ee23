"""What runs steps: stages, partitions, control records, visits, the engine."""

from tests.mutants.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    "the policy's beginning is ignored": Mutant(
        "processors/control.py", "if policy.applies_from <= at]", "if policy.applies_from >= 0]"
    ),
    "rates reach back a day less": Mutant(
        "processors/control.py", "day - RATE_REACH_DAYS - 1, -1", "day - RATE_REACH_DAYS, -1"
    ),
    "older rates replace newer ones": Mutant(
        "processors/control.py", "if held is not None and held.revision >= event.revision:", "if held == event:"
    ),
    "weights apply though nobody adopted them": Mutant(
        "processors/control.py",
        "{event.version: _learned(event), **before}) if event.adopted else before",
        "{event.version: _learned(event), **before})",
    ),
    "timers wait for the tick": Mutant("streams/stage.py", "    if state.timers:\n", "    if not state:\n"),
    "timers fire before the tick knows": Mutant(
        "streams/stage.py", "given.key, min(given.at, clock.now), clock)", "given.key, given.at, clock)"
    ),
    "a timer set again has the cause it had": Mutant("streams/stage.py", "self._state.generation += 1", "pass"),
    "a refusal keeps what was done": Mutant(
        "streams/stage.py",
        "                        outcome.outputs.append(answer)\n",
        "                        outcome.outputs.append(answer)\n                        outcome.state = self._state\n",
    ),
    "stale causes reach out": Mutant("processors/base.py", "< self.now - STALE_AFTER", "< 0"),
    "old times reach out for a fresh cause": Mutant("processors/base.py", "min(self.at, occurred_at) <", "self.at <"),
    "what was handed on comes back": Mutant("streams/routing.py", "if emitted.handed_on and", "if False and"),
    "refused facts count as seen": Mutant(
        "streams/partition.py",
        "if deduplicated and not any(self._leaves_open(output) for output in outcome.outputs):",
        "if deduplicated:",
    ),
    "another content is a duplicate, too": Mutant(
        "streams/partition.py", "if known.content == content_hash(raw):", "if known.content:"
    ),
    "ids are remembered a moment too long": Mutant(
        "streams/partition.py", "self.now - known.at < REMEMBER_IDS", "self.now - known.at <= REMEMBER_IDS"
    ),
    "no sweep is queued": Mutant(
        "streams/partition.py",
        "hear(event) and Visit in self.stage.consumes",
        "hear(event) and not self.stage.consumes",
    ),
    "a sweep under way serves later changes": Mutant(
        "streams/visits.py",
        "sweep.workspace == control.workspace_id and not sweep.cursor",
        "sweep.workspace == control.workspace_id",
    ),
    "a sweep ends after its first page": Mutant(
        "streams/visits.py", "if len(visited) < VISITS_PER_TICK:", "if len(visited) <= VISITS_PER_TICK:"
    ),
    "an end that is never told is waited for": Mutant(
        "streams/engine/retry.py", " or time.monotonic() >= began + seconds", ""
    ),
    "a producer outlives an abort": Mutant("streams/engine/transaction.py", "self._aborted = True", "pass"),
    "timers set in this transaction are overlooked": Mutant(
        "streams/partition.py", "heappush(self._fresh_timers, TimerEntry(due, key, name, generation))", "pass"
    ),
    "timers that moved fire all the same": Mutant(
        "streams/partition.py",
        "return state is None or state.timers.get(entry.name) == (entry.due, entry.generation)",
        "return state is None or bool(state.timers)",
    ),
    "what did not change is written all the same": Mutant(
        "streams/stage.py", "        if self._changed():\n", "        if self._before:\n"
    ),
    "a clock that runs ahead is believed": Mutant(
        "streams/partition.py", "min(tick.at, record.timestamp + MAX_TICK_AHEAD)", "tick.at"
    ),
    "a timer alone is no change": Mutant(
        "streams/stage.py",
        "if (before.timers, before.generation) != (after.timers, after.generation):",
        "if False:",
    ),
    "the fact that arrives first says where home is": Mutant(
        "streams/stage.py", "if not before.region or event.occurred_at < before.since:", "if not before.region:"
    ),
    "what a stage says tells where home is, as facts do": Mutant(
        "streams/stage.py",
        "return before.region or event.region, before.since",
        "return event.region, event.occurred_at",
    ),
    "keys not yet written are not visited": Mutant(
        "streams/partition.py", "sorted({*stored, *fresh})[:limit]", "sorted({*stored})[:limit]"
    ),
    "control state is as it was read first": Mutant(
        "streams/controls.py",
        "                self._hold(workspace, control, parts_of(control))\n",
        "                pass\n",
    ),
    "an abort keeps its control state": Mutant("streams/partition.py", "self._controls.end(committed=False)", "pass"),
    "control state is lost with the disk": Mutant(
        "streams/engine/changelog.py", "yield _CONTROL + workspace.encode(), control", "pass"
    ),
    "an abort keeps its states": Mutant(
        "streams/partition.py",
        "self._controls.end(committed=False)\n        self._begin()",
        "self._controls.end(committed=False)",
    ),
    "a policy sweeps by itself": Mutant("streams/topology.py", "            consulted=resolve.CONSULTED,\n", ""),
    "an order to sweep is heard once ever": Mutant(
        "processors/control.py", "if event.event_id != control.swept else", "if not control.swept else"
    ),
}
