"""Break the rules that matter, one at a time, and see that a test notices: ``make mutants``.

Each mutant is a change of source in a copy of the tree, under which the fast tests run until one fails. A mutant that
survives is a rule that no test holds; one whose text is not found must follow the code that it breaks.
Names of mutants as arguments run those alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("schemas", "models", "processors", "sinks", "streams", "tests")
UNIT = (
    "partitioner", "identity", "intake", "resolve", "profile", "score", "advance", "path", "hot_lead", "bundles",
    "count", "journey", "identities", "sightings", "identity_sweep",
    "hold", "post", "close", "flag", "settle", "measure", "learned", "solve",
    "stage", "partition", "driver", "topology", "zones", "windows", "words", "gate",
    "point", "approve", "nurture", "erasure", "moves", "tell", "effects", "effects_worker", "unsubscribe", "gateway",
    "gateway_approval",
)  # fmt: skip
PROPERTY = (
    "money", "attribution", "standing", "hot_lead", "learning", "journeys", "ledger_laws", "campaign_laws", "line_law",
    "log_law", "purity", "identity_laws", "windows_laws", "gate_laws",
    "sequences_laws",
)  # fmt: skip
TESTS = [f"tests/unit/test_{name}.py" for name in UNIT] + [f"tests/property/test_{name}.py" for name in PROPERTY]


class Mutant(NamedTuple):
    """A rule broken: in ``file``, ``was`` (found once) becomes ``now``."""

    file: str
    was: str
    now: str


MUTANTS: dict[str, Mutant] = {
    "remainder ties go to the later touch": Mutant(
        "models/money.py",
        "sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)[:left]",
        "sorted(range(len(shares)), key=remainders.__getitem__)[-left:]",
    ),
    "halves are rounded up": Mutant(
        "models/money.py",
        "round(amount_minor * _scaled(rate, base, quote))",
        "int((amount_minor * _scaled(rate, base, quote) * 2 + 1) // 2)",
    ),
    "decimals of currencies are ignored": Mutant(
        "models/money.py", "(get_currency_precision(quote) - get_currency_precision(base))", "0"
    ),
    "views count as clicks": Mutant(
        "models/touches.py", "kind not in OWN_SENDS and kind not in VIEW_CLASS", "kind not in OWN_SENDS"
    ),
    "look-back excludes its end": Mutant(
        "models/attribution/path.py", "if touch.at <= end and", "if touch.at < end and"
    ),
    "look-back excludes its start": Mutant(
        "models/attribution/path.py", "start <= touch.last[0]", "start < touch.last[0]"
    ),
    "a bundle counts by its first touch": Mutant(
        "models/attribution/path.py", "start <= touch.last[0]", "start <= touch.at"
    ),
    "views count beside clicks": Mutant(
        "models/attribution/path.py", "chosen = clicks or _within(", "chosen = clicks + _within("
    ),
    "exposure keeps the first of a run": Mutant("models/attribution/path.py", "_alone(max(run,", "_alone(min(run,"),
    "exposure keeps bundles whole": Mutant(
        "models/attribution/path.py",
        "    if touch.many is None:\n        return touch\n",
        "    if touch:\n        return touch\n",
    ),
    "first is last": Mutant(
        "models/attribution/heuristic.py", "return _all_to(0, path)", "return _all_to(len(path) - 1, path)"
    ),
    "the last direct touch is taken": Mutant(
        "models/attribution/heuristic.py", "touch.channel != _DIRECT", "touch.channel == _DIRECT"
    ),
    "U gives the ends a third each": Mutant(
        "models/attribution/heuristic.py", "weights[place] += 2 * inner - 1", "weights[place] += inner - 1"
    ),
    "W gives a touch with two milestones one share": Mutant(
        "models/attribution/heuristic.py", "weights[place] += each", "weights[place] = each"
    ),
    "W counts a milestone's place twice among the others": Mutant(
        "models/attribution/heuristic.py",
        "others = sum(counts)",
        "others = sum(counts) - len(milestones) + len(set(milestones))",
    ),
    "the last touch is sought in the last bundle": Mutant(
        "models/attribution/heuristic.py", "[touch.last for touch in path]", "[touch.first for touch in path]"
    ),
    "W takes a bundle's milestone for all of it": Mutant(
        "models/attribution/heuristic.py",
        "touch.count - (place in milestones)",
        "touch.count * (place not in milestones)",
    ),
    "a bundle decays as one touch": Mutant("models/attribution/decay.py", "touch.count * _weight", "_weight"),
    "a bundle's ends come as they come": Mutant(
        "models/attribution/bundle.py",
        "min(one.first, other.first), max(one.last, other.last)",
        "one.first, other.last",
    ),
    "a bundle's mean is that of its ends": Mutant(
        "models/attribution/bundle.py", "one.total + other.total", "one.total"
    ),
    "the newest campaigns go first": Mutant(
        "models/attribution/bundle.py", "coarse_until = min(fine)", "coarse_until = max(fine)"
    ),
    "late touches of coarse days keep their campaigns": Mutant(
        "models/attribution/bundle.py", "if day <= coarse_until:", "if day < coarse_until:"
    ),
    "a repeat of a bundle's end counts twice": Mutant(
        "models/attribution/bundle.py", "if place in (held.first, held.last):", "if place is held:"
    ),
    "decay rounds the age up": Mutant("models/attribution/decay.py", "// half_life)", "// half_life + 1)"),
    "decay takes its tables in the other order": Mutant(
        "models/attribution/decay.py", "first, second, third, fourth = _T", "second, first, third, fourth = _T"
    ),
    "what lies ahead is realised": Mutant(
        "processors/ledger/value.py", "return 0 if state.revision.status in AHEAD else net(state)", "return net(state)"
    ),
    "what is retained is ignored": Mutant(
        "processors/ledger/value.py",
        "return revision.retained_minor if revision.status in RETAINING else revision.amount_minor",
        "return revision.amount_minor",
    ),
    "what is lost counts as a conversion": Mutant(
        "processors/ledger/value.py", "return WHOLE if net(state) > 0 else 0", "return WHOLE"
    ),
    "a risk is known before it is told": Mutant(
        "processors/ledger/value.py", "while risks and risks[0][0] <= at:", "while risks:"
    ),
    "the risk that came last in time holds": Mutant(
        "processors/ledger/value.py", "risk = max(risk, risks.pop(0)[1])", "risk = risks.pop(0)[1]"
    ),
    "the usual risk knows no lead time": Mutant(
        "processors/ledger/value.py", "and lead_days >= days)", "and days >= 0)"
    ),
    "the usual risk stays when a risk is told": Mutant(
        "processors/ledger/value.py", "books.risks[risk].p_ppm if risk >= 0 else _usual", "_usual"
    ),
    "another model for the optimizer leaves the former's cells": Mutant(
        "processors/ledger/post.py", "(stands, books.told)", "(stands, told)"
    ),
    "the optimizer hears of revenue itself": Mutant(
        "processors/ledger/cells.py", "if place.account != REVENUE:", "if place.account != NOBODY:"
    ),
    "books close though a revision came meanwhile": Mutant(
        "processors/ledger/close.py", "if due > fired.due:", "if due < 0:"
    ),
    "books keep no mark that they closed": Mutant(
        "processors/ledger/close.py", "Books(closed=bool(books.revisions))", "Books()"
    ),
    "books of a booking that never came close for it": Mutant(
        "processors/ledger/close.py", "Books(closed=bool(books.revisions))", "Books(closed=True)"
    ),
    "a path keeps books open": Mutant(
        "processors/ledger/close.py", "books.revisions == before.revisions", "books is before"
    ),
    "an older revision keeps a booking open": Mutant(
        "processors/resolve/booking.py",
        "revisions=revisions, dropped=dropped)",
        "revisions=revisions, dropped=dropped, changed_at=ctx.now)",
    ),
    "a closed booking takes revisions": Mutant(
        "processors/resolve/booking.py", "booking.changed_at + REFUSED_AFTER", "booking.changed_at + 2 * REFUSED_AFTER"
    ),
    "a changed journey is not taken back": Mutant(
        "processors/ledger/journey.py", "in ((before, -1), (after, 1))", "in ((after, 1),)"
    ),
    "a journey that fell through stays converted": Mutant(
        "processors/ledger/journey.py", "in path), net > 0)", "in path), True)"
    ),
    "touches of a former owner are taken": Mutant(
        "processors/ledger/books.py",
        "(message.epoch, message.seq) <= (books.epoch, books.path_seq)",
        "(message.seq) <= (books.path_seq)",
    ),
    "touches are taken however old": Mutant(
        "processors/ledger/books.py", "if (message.epoch, message.seq) <= (books.epoch, books.path_seq) or", "if"
    ),
    "the rate is that of the last change": Mutant(
        "processors/ledger/target.py",
        "currency: _rate(currency, day, policy, control)",
        "currency: _rate(currency, max(one.occurred_at for one in books.revisions.values()) // 86_400_000_000,"
        " policy, control)",
    ),
    "days are those of UTC": Mutant(
        "models/local_time.py", "at // SECOND, _zone(zone)).toordinal()", "at // SECOND, UTC).toordinal()"
    ),
    "a step is not reduced by the one before": Mutant(
        "processors/ledger/target.py",
        "yield worth.since, worth.currency, difference(vector, stands)",
        "yield worth.since, worth.currency, vector",
    ),
    "a booking stays worth something in its former currency": Mutant(
        "processors/ledger/target.py", "            yield worth.since, currency, difference({}, stands)\n", ""
    ),
    "what stands no more is not taken back": Mutant(
        "processors/ledger/accounts.py", "in {**should.blocks, **stands.blocks}:", "in should.blocks:"
    ),
    "lines of a posting share an id": Mutant("schemas/ids.py", "range(1, count + 1)", "[1] * count"),
    "the policy's beginning is ignored": Mutant(
        "processors/control.py", "if policy.applies_from <= at]", "if policy.applies_from >= 0]"
    ),
    "rates reach back a day less": Mutant(
        "processors/control.py", "day - found <= RATE_REACH_DAYS", "day - found < RATE_REACH_DAYS"
    ),
    "older rates replace newer ones": Mutant(
        "processors/control.py", "if held is not None and held.revision >= event.revision:", "if held == event:"
    ),
    "a booking dropped from memory is forgotten": Mutant(
        "models/conversion.py", "if dropped is not None and dropped.booked_at is not None:", "if not revisions:"
    ),
    "a booking belongs to the revision that came last": Mutant(
        "processors/resolve/booking.py",
        "if fact.revision <= booking.revision:",
        "if fact.revision == booking.revision:",
    ),
    "deleted touches stay in the path": Mutant("models/attribution/path.py", "return self.live and", "return"),
    "a touch is told only where it is": Mutant(
        "processors/lead/path.py", "hit |= _reached(path, held.at, held.at)", "pass"
    ),
    "touches are kept a day less": Mutant(
        "processors/lead/path.py",
        "return newest.at // DAY * DAY - RETENTION",
        "return newest.at // DAY * DAY - RETENTION + DAY",
    ),
    "bookings keep no touches": Mutant(
        "processors/lead/path.py",
        "return until >= _horizon(newest) or any(",
        "return until >= _horizon(newest) or 0 > any(",
    ),
    "late touches stay where they came": Mutant(
        "processors/lead/path.py",
        "        touches = dict(sorted(touches.items(), key=lambda item: item[1].first))\n    hit",
        "        pass\n    hit",
    ),
    "moved touches stay where they came": Mutant(
        "processors/lead/path.py",
        "    touches = dict(sorted(touches.items(), key=lambda item: item[1].first))\n    bookings",
        "    bookings",
    ),
    "nobody hears of folding": Mutant("processors/lead/path.py", "sorted(regrouped - at_once)", "()"),
    "folding is told of the folded touch alone": Mutant(
        "processors/lead/path.py",
        "_reached(path, folding.since, folding.until)",
        "_reached(path, oldest.at, oldest.at)",
    ),
    "bookings beyond a page never hear": Mutant(
        "processors/lead/path.py",
        "dict.fromkeys((*path.waiting, *rest, *later))",
        "dict.fromkeys((*path.waiting, *later))",
    ),
    "those told last are told first": Mutant(
        "processors/lead/path.py", "(*path.waiting, *rest, *later)", "(*rest, *path.waiting, *later)"
    ),
    "bundled touches are corrected": Mutant(
        "processors/lead/path.py",
        "touch.revision > 1 and len(path.touches)",
        "touch.revision > 9 and len(path.touches)",
    ),
    "another content of a revision goes unnoticed": Mutant(
        "processors/lead/path.py", 'return path, () if known == revision else [_conflict("booking")]', "return path, ()"
    ),
    "a conversion claims no journey": Mutant(
        "processors/lead/journey.py", "if run.closes <= until and not converted:", "if run.closes <= until:"
    ),
    "every touch in order or not puts the closing off": Mutant(
        "processors/lead/journey.py",
        "return before.wakes <= at + ctx.control.policy_at(at).click_look_back",
        "return True",
    ),
    "a removed channel is counted at each return": Mutant(
        "models/attribution/markov.py", "reached[c] / visits[c][c] * brings[c]", "reached[c] * brings[c]"
    ),
    "a channel weighs more for each of its touches": Mutant(
        "models/attribution/learned.py", "weight * (common // touches[channel])", "weight"
    ),
    "weights apply though nobody adopted them": Mutant(
        "processors/control.py",
        "{event.version: _learned(event), **before}) if event.adopted else before",
        "{event.version: _learned(event), **before})",
    ),
    "a Monday is solved again": Mutant("processors/workspace/solve.py", "monday <= learning.solved or ", ""),
    "the week under way is learned from": Mutant(
        "processors/workspace/solve.py", "if begins < monday}", "if begins <= monday}"
    ),
    "what an old week loses is taken back all the same": Mutant(
        "processors/workspace/solve.py", "if event.week < learning.oldest or not", "if not"
    ),
    "late engagements are appended": Mutant(
        "processors/lead/score.py",
        "if held is None and (not log.entries or _place(happening) > _place(log.entries[-1])):",
        "if held is None:",
    ),
    "a policy leaves old logs alone": Mutant(
        "processors/lead/score.py", "None if held is None else _refolded(held, held.entries, ctx)", "held"
    ),
    "lower revisions replace higher ones": Mutant(
        "processors/lead/score.py", "held.revision >= happening.revision", "held.revision == happening.revision"
    ),
    "restatements are not marked": Mutant(
        "processors/lead/advance.py",
        "restates_from=restates_from if number == held.seq + 1 else None",
        "restates_from=None",
    ),
    "restatements void too much": Mutant(
        "processors/lead/advance.py", "            same -= 1  #", "            break  #"
    ),
    "quiet runs from the capture alone": Mutant(
        "models/scoring/standing.py",
        "since=max(standing.since, at) if engaged else standing.since",
        "since=standing.since",
    ),
    "quiet is judged by the newest policy": Mutant(
        "models/scoring/standing.py", "policy_at(standing.since).cooling_after", "policy_at(2**62).cooling_after"
    ),
    "engagements before the capture are forgotten": Mutant(
        "models/scoring/standing.py", '(kind in ("direct", "captured"))', '(kind == "direct")'
    ),
    "any rise of the score warms": Mutant(
        "models/scoring/standing.py",
        "if score > before and _band(score, policy) > _band(before, policy) else -1",
        "if score > before else -1",
    ),
    "whoever is warm is contacted": Mutant("processors/lead/route.py", "if warmer and _CHANNELS", "if _CHANNELS"),
    "older words on a lead replace newer ones": Mutant(
        "processors/lead/profile.py",
        "if held is None or _clock(register) > _clock(held):",
        "if held is None or _clock(register) != _clock(held):",
    ),
    "all workspaces share one key": Mutant(
        "models/identity/hashing.py", 'info=b"fineacers identity " + workspace.encode()', 'info=b"fineacers identity "'
    ),
    "the future is believed": Mutant(
        "processors/intake/admit.py",
        "if fact.occurred_at > received.arrived_at + MAX_AHEAD:",
        "if fact.occurred_at < 0:",
    ),
    "any fact is taken from any topic": Mutant("processors/intake/admit.py", " or topic.name != received.topic:", ":"),
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
        "streams/partition.py", "if Visit in self.stage.consumes and", "if not self.stage.consumes and"
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
    "timers set in this transaction are overlooked": Mutant(
        "streams/partition.py", "heappush(self._fresh_timers, TimerEntry(due, key, name, generation))", "pass"
    ),
    "a hot lead is flagged with every touch": Mutant(
        "processors/lead/flag.py", "if held is not None and since < held.at:", "if held is not None and held.at < 0:"
    ),
    "a lead is flagged once for ever": Mutant(
        "processors/lead/flag.py", "if held is not None and since < held.at:", "if held is not None:"
    ),
    "bundles of any age count as hot": Mutant(
        "processors/lead/flag.py", "if tally.last[0] >= since)", "if tally.last[0] >= 0)"
    ),
    "deleted touches count as hot": Mutant("processors/lead/flag.py", "sum(touch.creditable for", "sum(True for"),
    "timers that moved fire all the same": Mutant(
        "streams/partition.py",
        "return state is None or state.timers.get(entry.name) == (entry.due, entry.generation)",
        "return state is None or bool(state.timers)",
    ),
    "what did not change is written all the same": Mutant(
        "streams/stage.py", "        if self._changed():\n", "        if self._before:\n"
    ),
    "a timer alone is no change": Mutant(
        "streams/stage.py",
        "if (before.timers, before.generation, before.region) != (after.timers, after.generation, after.region):",
        "if before.region != after.region:",
    ),
    "keys not yet written are not visited": Mutant(
        "streams/partition.py", "sorted({*stored, *fresh})[:limit]", "sorted({*stored})[:limit]"
    ),
    "control state is as it was read first": Mutant(
        "streams/partition.py", "        self._controls |= self._fresh_controls\n", ""
    ),
    "control state is lost with the disk": Mutant(
        "streams/engine/changelog.py", "yield _CONTROL + workspace.encode(), control", "pass"
    ),
    "an abort keeps its states": Mutant(
        "streams/partition.py",
        '        """The transaction never was: forget it."""\n        self._begin()',
        '        """The transaction never was: forget it."""',
    ),
    "an older assignment is taken": Mutant(
        "processors/resolve/told.py", "if message.version <= strong.ver:", "if message.version == -1:"
    ),
    "a new root starts versions anew": Mutant(
        "processors/resolve/root.py", "version=max(root.version, version)", "version=root.version"
    ),
    "a former root goes on deciding": Mutant(
        "processors/resolve/root.py",
        "return Root(points_to=other.root), [",
        "return msgspec.structs.replace(root), [",
    ),
    "a former root keeps what is to meet": Mutant(
        "processors/resolve/root.py",
        "return [_meet(below, event.root, event.size, event.cause, event.occurred_at)]",
        "return []",
    ),
    "links count in the order in which they came": Mutant(
        "models/identity/partition.py",
        "for link in sorted(facts.links, key=lambda link: (_observed_at(link, facts), link)):",
        "for link in facts.links:",
    ),
    "people's links come after observed ones": Mutant(
        "models/identity/partition.py", "        yield link, False\n", "        pass\n"
    ),
    "a split is told to one end": Mutant(
        "processors/resolve/witness.py", "if one.hash != key.hash\n    ]", "if False\n    ]"
    ),
    "a later link by hand does not lift a split": Mutant(
        "models/identity/partition.py",
        "if cut not in facts.explicit or facts.explicit[cut][:2] <= said",
        "if cut",
    ),
    "regions join": Mutant(
        "models/identity/partition.py", "if one.region != other.region and not transfer:", "if False:"
    ),
    "limits are for all links": Mutant("models/identity/partition.py", "if observed and any(", "if any("),
    "a shared identifier links": Mutant(
        "models/identity/partition.py", "or link[0] in facts.shared or link[1] in facts.shared", ""
    ),
    "a hub is shared by one less": Mutant(
        "processors/resolve/known.py", "max(_of_kind(strong).values()) > hub", "max(_of_kind(strong).values()) >= hub"
    ),
    "a hub keeps facts": Mutant(
        "processors/resolve/witness.py", "key) if strong.shared else None", "key) if False else None"
    ),
    "what passed a hub is linked again": Mutant(
        "processors/resolve/witness.py", "others if not origin.linked else []", "others"
    ),
    "an older fact that names nobody else is no sighting": Mutant(
        "processors/resolve/witness.py", "if beside or strong.is_older(fact.occurred_at, fact.event_id):", "if beside:"
    ),
    "a lead is named after its newest identifier": Mutant(
        "models/identity/partition.py", "anchor = min(one.anchor", "anchor = max(one.anchor"
    ),
    "the last login to arrive owns": Mutant(
        "models/identity/logins.py", "known = sorted((*logins.known, login))", "known = [*logins.known, login]"
    ),
    "an earlier login of one alone is not told": Mutant(
        "processors/resolve/login.py", "held.first is None or said < held.first:", "held.first is None:"
    ),
    "what was not told stays so": Mutant(
        "processors/resolve/login.py", "for said in sorted(held.untold)]", "for said in ()]"
    ),
    "who is contested goes on untold": Mutant(
        "processors/resolve/login.py", "untold=(), contested=True)", "untold=())"
    ),
    "what is not told grows for ever": Mutant("processors/resolve/login.py", "len(untold) >= MAX_LOGINS", "not untold"),
    "of what is not told the last is let go": Mutant(
        "processors/resolve/login.py", "untold = (max(untold),)", "untold = (min(untold),)"
    ),
    "only the newcomer is asked for its logins": Mutant(
        "processors/resolve/weak.py",
        "_rivals(logins) - _rivals(before)",
        "({message.strong} & _rivals(logins)) - _rivals(before)",
    ),
    "all rivals are asked with each login": Mutant(
        "processors/resolve/weak.py", "_rivals(logins) - _rivals(before)", "_rivals(logins)"
    ),
    "one alone is asked for its logins": Mutant(
        "processors/resolve/weak.py", "if len(found) > 1 else set()", "if found else set()"
    ),
    "a weak identifier hears nothing of its owner's moves": Mutant(
        "processors/resolve/told.py", "(*strong.weak, *strong.bookings)", "(*strong.bookings,)"
    ),
    "bookings hear nothing of their owner's moves": Mutant(
        "processors/resolve/told.py", "(*strong.weak, *strong.bookings)", "(*strong.weak,)"
    ),
    "companions are not claimed": Mutant(
        "processors/resolve/weak.py", "if not weak.logins.known:\n        return []", "if weak:\n        return []"
    ),
    "the ownership epoch stands still": Mutant(
        "processors/resolve/booking.py", "ver=booking.ver + 1", "ver=booking.ver"
    ),
    "blocked identifiers name people": Mutant(
        "processors/resolve/usable.py",
        "    left = identifiers\n    for kind in blocked:",
        "    left = identifiers\n    for kind in ():",
    ),
    "a shipment counts twice": Mutant(
        "processors/lead/hold.py", "if message.n <= holding.received.get(message.from_lead, 0):", "if False:"
    ),
    "a fact counts twice": Mutant("processors/lead/hold.py", "known is not None and origin.seq <= known.seq", "False"),
    "an early final word is forgotten": Mutant("processors/lead/hold.py", "        early.add(mark)", "        pass"),
    "the final word goes before older history": Mutant(
        "processors/lead/hold.py", "one.ver < mark.ver for one in holding.awaits", "False for one in holding.awaits"
    ),
    "a lead is not told of its anchor": Mutant(
        "processors/resolve/root.py", "for one in sorted(in_use & {*facts.first})", "for one in ()"
    ),
    "an open conflict holds nobody": Mutant(
        "processors/lead/checks.py", 'Check("hold", "open_conflict") if now.doubted else ', ""
    ),
    "a shared address is taken for one person's": Mutant(
        "models/identity/doubts.py", '"limit", "shared"))', '"limit"))'
    ),
    "who is in doubt is told only when it moves": Mutant(
        "processors/resolve/root.py", "sorted((doubted ^ in_doubt(facts.conflicts)) - moved.keys())", "()"
    ),
    "the doubt stays behind when history moves": Mutant(
        "processors/lead/hold.py", "rows, seq, message.doubted)", "rows, seq, known is not None and message.doubted)"
    ),
    "a settled conflict is never told": Mutant(
        "processors/resolve/root.py",
        "(doubted ^ in_doubt(facts.conflicts))",
        "(doubted - in_doubt(facts.conflicts))",
    ),
    "a policy sweeps by itself": Mutant("streams/topology.py", "            consulted=resolve.CONSULTED,\n", ""),
    "an order to sweep is heard once ever": Mutant(
        "processors/control.py", "if event.event_id != control.swept else", "if not control.swept else"
    ),
    "a sweep decides where there is nobody": Mutant(
        "processors/resolve/root.py",
        "if held is None or held.points_to is not None:\n        return held, ()",
        "held = held or Root()",
    ),
    "a known pair is told again": Mutant(
        "processors/resolve/known.py",
        "known={**strong.known, other.hash: after}), is_news",
        "known={**strong.known, other.hash: after}), True",
    ),
    "what people link needs no observation": Mutant(
        "processors/resolve/known.py",
        "observed = said if is_news else known.observed",
        "observed = min(said, known.observed)",
    ),
    "an earlier fact that names a pair is not told": Mutant(
        "processors/resolve/witness.py",
        "outputs.append(_observed(other, fact, ctx))",
        "outputs += [_observed(other, fact, ctx)] * (strong.known[other.hash].at >= ctx.now)",
    ),
    "history that came by is kept": Mutant(
        "processors/lead/hold.py", "here = arrived.pop(lead_id(ctx), None)", "here = next(iter(arrived.values()), None)"
    ),
    "a late fact stays where it came": Mutant(
        "processors/lead/hold.py", "if lead == me:\n        return holding, ()", "if lead:\n        return holding, ()"
    ),
    "a change is told for each identifier": Mutant("processors/lead/hold.py", "or decision in holding.announced", ""),
    "the profile keeps what went": Mutant(
        "processors/lead/profile.py",
        "after, is_news = joined(rest, by_lead.get(lead_id(ctx))), True",
        "after, is_news = before, True",
    ),
    "the log keeps what went": Mutant(
        "processors/lead/score.py", "    return joined(rest, by_lead.get(lead_id(ctx)), ctx)", "    return held"
    ),
    "the path keeps touches that went": Mutant(
        "processors/lead/path.py",
        "part(touch.at).touches[touch.id] = touches.pop(touch.id)",
        "part(touch.at).touches[touch.id] = touches[touch.id]",
    ),
    "bookings stay behind": Mutant(
        "processors/lead/path.py", "part(booking.converted_at).bookings[booking_id] = bookings.pop(booking_id)", "pass"
    ),
    "moved touches tell no booking": Mutant(
        "processors/lead/path.py", "sorted({*bookings, *_led_to(part, path)})", "sorted(bookings)"
    ),
    "a window is still open at its end": Mutant(
        "models/consent/windows.py", "if opens <= local < closes:", "if opens <= local <= closes:"
    ),
    "a window is still shut at its beginning": Mutant(
        "models/consent/windows.py", "if opens <= local < closes:", "if opens < local < closes:"
    ),
    "only the first zone counts": Mutant("models/consent/windows.py", "for zone in zones}", "for zone in zones[:1]}"),
    "only the first window opens": Mutant(
        "models/consent/windows.py", "max(hours.opens for hours in windows)", "windows[0].opens"
    ),
    "only the first window closes": Mutant(
        "models/consent/windows.py", "min(hours.closes for hours in windows)", "windows[0].closes"
    ),
    "who is nowhere may be contacted": Mutant(
        "models/consent/windows.py",
        "    if not zones:\n        return Opening(False, None)",
        "    if not zones:\n        return Opening(True, None)",
    ),
    "changes of clocks are not noticed": Mutant("models/consent/windows.py", "if before == after:", "if before:"),
    "a change of clocks closes no window": Mutant(
        "models/consent/windows.py", "min(open_until, changes, at", "min(open_until, at"
    ),
    "a change of clocks opens no window": Mutant(
        "models/consent/windows.py", "min(changes, at + (opens - local) % DAY)", "at + (opens - local) % DAY"
    ),
    "federal windows do not bind Florida": Mutant(
        "models/consent/windows.py", '{*jurisdictions, "USA"}', "{*jurisdictions}"
    ),
    "who is nowhere is in UTC": Mutant(
        "models/consent/zones.py", 'NOWHERE = Zones((), "unknown")', 'NOWHERE = Zones(("Etc/UTC",), "unknown")'
    ),
    "any text is a zone": Mutant("models/consent/zones.py", " and time_zone in zone_names()", ""),
    "the country counts before the phone": Mutant(
        "models/consent/zones.py",
        "number = number_of(phone, region) if phone else None",
        "number = number_of(phone, region) if phone and not country else None",
    ),
    "a number is where its exchange was": Mutant("models/consent/zones.py", "if number.area is None:", "if number:"),
    "overlaid area codes have one zone": Mutant(
        "models/consent/zones.py", "_OVERLAYS.get(number.area, number.area)", "number.area"
    ),
    "the law of a named country is left out": Mutant(
        "models/consent/jurisdiction.py", "for code in (of_number, named)", "for code in (of_number,)"
    ),
    "the law of a number's country is left out": Mutant(
        "models/consent/jurisdiction.py", "for code in (of_number, named)", "for code in (named,)"
    ),
    "Florida is like the rest": Mutant("models/consent/jurisdiction.py", '- {"USA"} | {"US-FL"}', '| {"USA"}'),
    "one more than the cap": Mutant("models/consent/slots.py", "self.used < self.most", "self.used <= self.most"),
    "a cap's window includes its end": Mutant(
        "models/consent/slots.py", "abs(one.at - wanted.at) < cap.window", "abs(one.at - wanted.at) <= cap.window"
    ),
    "a cap's window looks back only": Mutant(
        "models/consent/slots.py", "abs(one.at - wanted.at) < cap.window", "0 <= wanted.at - one.at < cap.window"
    ),
    "a grant is not counted": Mutant("processors/resolve/point.py", "slots=(*kept, slot))", "slots=kept)"),
    "a contact point is anybody's": Mutant(
        "processors/resolve/point.py", "strong is None or strong.lead_id != asked.lead_id", "strong is None"
    ),
    "a contact point does not ask what it heard": Mutant(
        "processors/resolve/point.py", "if not permission.allowed:", "if False:"
    ),
    "a release is forgotten": Mutant(
        "processors/resolve/point.py", "if asked.ask <= _newest_ask(point, asked.message_id):", "if False:"
    ),
    "a release takes back what was granted since": Mutant(
        "processors/resolve/point.py", "if event.ask < _newest_ask(point, event.message_id):", "if False:"
    ),
    "a contact point keeps to itself what it heard": Mutant(
        "processors/resolve/point.py", "if after is held or strong is None:", "if True:"
    ),
    "no second look at the grant": Mutant(
        "processors/lead/gate.py",
        'answer = verdict(checks)\n    if answer.outcome != "pass":',
        "answer = verdict(checks)\n    if False:",
    ),
    "consent is not asked again when a hold ends": Mutant(
        "processors/lead/checks.py",
        "return _of(consented(now.consents, wish(request, now), now.policy))",
        "return in_time(request, now) if request.held_for "
        "else _of(consented(now.consents, wish(request, now), now.policy))",
    ),
    "no hold while history is awaited": Mutant(
        "processors/lead/checks.py", 'Check("hold", "history_awaited") if now.awaits else ', ""
    ),
    "what is asked does not count yet": Mutant(
        "processors/lead/situation.py", 'if other.asked is not None and other.category == "marketing"', "if False"
    ),
    "what was sent is forgotten": Mutant("processors/lead/gate.py", "gate_ = gate_.with_sent(", "gate_.with_sent("),
    "an unknown zone is the company's": Mutant("processors/lead/checks.py", "if not now.zones.names:", "if False:"),
    "an opt-out is of one channel": Mutant(
        "models/consent/ledger.py",
        "if withdrawn is not None and (given is None or given.at <= withdrawn.at):",
        "if withdrawn is not None and given is None:",
    ),
    "an opt-in at the instant of an opt-out wins": Mutant(
        "models/consent/ledger.py", "given.at <= withdrawn.at", "given.at < withdrawn.at"
    ),
    "an objection stays with its address": Mutant(
        "processors/lead/consent.py",
        "consents if one == point else objections(consents)",
        "consents if one == point else NOTHING_SAID",
    ),
    "a request that was sent on is decided here as well": Mutant(
        "processors/lead/gate.py", " or not _is_here(who, request.requested_at, ctx)", ""
    ),
    "an allow lasts": Mutant(
        "processors/lead/receipt.py",
        "min(until or request.not_after, ctx.now + SENT_WITHIN)",
        "until or request.not_after",
    ),
    "the caller says what is transactional": Mutant(
        "processors/lead/asking.py",
        "purpose=fact.purpose,\n        category=_category(fact.template_id, ctx),",
        'purpose=fact.purpose,\n        category="transactional" if fact.purpose == "booking" else "marketing",',
    ),
    "requests of the past are decided": Mutant(
        "processors/lead/gate.py", "if ctx.is_stale(fact.occurred_at):", "if False:"
    ),
    "held for ever": Mutant("processors/lead/checks.py", "if now.now >= request.not_after:", "if False:"),
    "the oldest erasure counts": Mutant(
        "models/identity/facts.py", "_united(one.erased, other.erased, max)", "_united(one.erased, other.erased, min)"
    ),
    "a link of before an erasure is kept": Mutant(
        "models/identity/facts.py", "links=_since(facts.links, erased)", "links=facts.links"
    ),
    "a link by hand of before an erasure is kept": Mutant(
        "models/identity/facts.py", "explicit=_since(facts.explicit, erased)", "explicit=facts.explicit"
    ),
    "a cut of before an erasure is kept": Mutant(
        "models/identity/facts.py", "apart=_since(facts.apart, erased)", "apart=facts.apart"
    ),
    "a touch of two leads stays counted twice": Mutant(
        "processors/lead/count.py", "else _older(path, moved)", "else ()"
    ),
    "of a touch of two leads the newer revision goes": Mutant(
        "processors/lead/count.py",
        "min(pair, key=lambda touch: touch.revision)",
        "max(pair, key=lambda touch: touch.revision)",
    ),
    "an erased touch stays counted": Mutant(
        "processors/lead/count.py",
        "moved.touches.values() if isinstance(event, HistoryErased)",
        "() if isinstance(event, HistoryErased)",
    ),
    "an erased identifier keeps its name": Mutant(
        "models/identity/facts.py",
        "return name_of(identifier, mark.at if mark is not None else None)",
        "return identifier",
    ),
    "an erased identifier is as old as before": Mutant(
        "models/identity/facts.py",
        "first={one: erased.get(one, first) for one, first in facts.first.items()}",
        "first=facts.first",
    ),
    "who is erased is not told": Mutant(
        "models/identity/facts.py", "if facts.erased.get(one) == erased.get(one)", "if one"
    ),
    "links of an erased identifier count from when they were seen": Mutant(
        "models/identity/partition.py", "return max(marks) if marks else facts.links[link]", "return facts.links[link]"
    ),
    "neighbours do not hear of an erasure": Mutant(
        "processors/resolve/erased.py", "return strong, [*told, *outputs]", "return strong, outputs"
    ),
    "what was seen since an erasure is not said anew": Mutant(
        "processors/resolve/erased.py", "(seen := strong.known[name].seen).at > mark.at}", "(seen := None)}"
    ),
    "what was seen last is forgotten": Mutant(
        "processors/resolve/known.py", "seen=max(known.seen, seen), ", "seen=known.seen, "
    ),
    "an erasure reaches the first identifier alone": Mutant(
        "processors/resolve/erased.py", "return strong, [*others, *outputs]", "return strong, outputs"
    ),
    "who links what is erased does not hear of it": Mutant(
        "processors/resolve/told.py",
        "return strong, [tell_erased(message.other, strong.mark, ctx)]",
        "return strong, []",
    ),
    "a late fact is the new lead's": Mutant(
        "processors/resolve/known.py", "return NOBODY if self.is_erased(at) else self.lead_id", "return self.lead_id"
    ),
    "an erased fact has named nobody": Mutant(
        "processors/resolve/witness.py",
        "is_news = is_void = strong.is_erased(said.at)",
        "is_void, is_news = strong.is_erased(said.at), False",
    ),
    "an erasure moves no history": Mutant(
        "processors/resolve/told.py",
        "moved = change(before, strong.rows,",
        "moved = change(before, ((0, strong.lead_id),),",
    ),
    "the name borne since an erasure goes nowhere": Mutant(
        "processors/resolve/told.py",
        "    if strong.mark is None:\n        return []\n",
        "    if strong:\n        return []\n",
    ),
    "dependents do not hear of an erasure": Mutant(
        "processors/resolve/told.py",
        "owned = Ownership(key.subject, strong.lead_id, strong.ver, strong.erased_at)",
        "owned = Ownership(key.subject, strong.lead_id, strong.ver)",
    ),
    "a booking stays with who was erased": Mutant(
        "processors/resolve/booking.py", "if lead_id in (None, NOBODY) or is_erased:", "if lead_id in (None, NOBODY):"
    ),
    "what is nobody's is shipped": Mutant("processors/lead/hold.py", " if lead != NOBODY\n    ]", "\n    ]"),
    "what is nobody's goes on": Mutant("processors/lead/hold.py", "if lead == NOBODY:", "if False:"),
    "values that came with others' facts stay": Mutant(
        "processors/lead/profile.py", "after = _without_erased(before, event)", "after = before"
    ),
    "who waits for an answer hears of no erasure": Mutant(
        "processors/lead/gate.py", 'before, _last_words(before, event.parts.get("gate"), ctx)', "before, []"
    ),
    "the gate knows of no erasure": Mutant("processors/lead/checks.py", '    ("erased", remembered),\n', ""),
    "a contact point forgets its erasure": Mutant(
        "processors/resolve/point.py", "        unerased(consents, strong.erased_at),\n", ""
    ),
    "an older opt-in lifts an erasure": Mutant("models/consent/ledger.py", "if said.at > erased_at}", "if said}"),
    "what may have been taken is posted again": Mutant(
        "streams/effects/webhook.py", 'return Answer("unknown", "no_answer")', 'return Answer("again", "no_answer")'
    ),
    "any server error is tried again": Mutant(
        "streams/effects/webhook.py", "if status == 503 and retry_after is not None:", "if status >= 500:"
    ),
    "nobody waits as long as asked": Mutant("streams/effects/answer.py", "max(answer.after, ", "max(0.0, "),
    "the url is in the error": Mutant("streams/effects/webhook.py", "the address of {name} must", "{text} must"),
    "the body alone is signed": Mutant("streams/effects/webhook.py", 'b"v0:%d:%b" % (timestamp, body)', "body"),
    "a request that was begun is called again": Mutant("streams/effects/worker.py", "if place.begun:", "if False:"),
    "a request is called without its mark": Mutant(
        "streams/effects/worker.py",
        """        if not self._marked(partition, place):
            return
        answer =""",
        "        answer =",
    ),
    "a request is called after its end": Mutant(
        "streams/effects/worker.py", "if time.time_ns() // 1_000 >= request.not_after:", "if False:"
    ),
    "a request that waits looks as if it were begun": Mutant(
        "streams/effects/worker.py",
        "place.begun, place.due, place.last = False,",
        "place.begun, place.due, place.last = True,",
    ),
    "a result is tried for ever": Mutant("streams/effects/worker.py", "if place.tries >= MAX_TRIES or", "if"),
    "what nobody was told is no incident": Mutant(
        "processors/lead/tell.py", 'case EffectDone(outcome="done"):', "case EffectDone():"
    ),
    "an answer of the past alerts sales": Mutant(
        "schemas/events/effects.py",
        """    reaches_out: ClassVar[bool] = True

    lead_id: Uuid
    reply_id""",
        """    lead_id: Uuid
    reply_id""",
    ),
    "a second sequence begins after a merge": Mutant(
        "processors/lead/nurture.py", "if held.objected or held.running is not None:", "if held.objected:"
    ),
    "the later sequence goes on": Mutant("processors/lead/sequences.py", "min(going)[1:]", "max(going)[1:]"),
    "who waits does not hear of the days": Mutant(
        "processors/lead/sequences.py", "if one.next_day is not None and one.next_day <= last:", "if False:"
    ),
    "an answer ends one of two sequences": Mutant(
        "processors/lead/sequences.py", 'if one.stopped in ("booking", "reply"):', "if False:"
    ),
    "an objection to two sequences is split with them": Mutant(
        "processors/lead/sequences.py", "{where.identifier: sequence}, held.objected)", "{where.identifier: sequence})"
    ),
    "a sequence stays behind": Mutant(
        "processors/lead/moves.py", '    "nurture": (Nurturing, sequences_parted),\n', ""
    ),
    "what a log has forgotten is lost on its way": Mutant("processors/lead/hold.py", "._replace(alone=True)", ""),
    "a request for approval stays behind": Mutant(
        "processors/lead/moves.py", '    "approve": (Approvals, approvals_parted),\n', ""
    ),
    "a merge asks for approval again": Mutant(
        "processors/lead/approve.py", "asked=held.asked or (is_hot and part.asked)", "asked=held.asked"
    ),
    "a sequence comes to a warm lead": Mutant(
        "processors/lead/nurture.py", "route.route in _WARM else both", "False else both"
    ),
    "a machine's open is read": Mutant("processors/lead/nurture.py", " or _is_machine(touch)", ""),
    "a machine's touch counts": Mutant(
        "processors/lead/touch.py",
        "type(fact) is not TouchpointDeleted and not fact.machine",
        "type(fact) is not TouchpointDeleted",
    ),
    "a click is dated to the beginning of its minute": Mutant(
        "streams/sources/gateway/unsubscribe.py", "-(-now // _MINUTE) * _MINUTE", "now // _MINUTE * _MINUTE"
    ),
    "a link can be clicked once for ever": Mutant(
        "streams/sources/gateway/unsubscribe.py", "sent.contact_point, at)", "sent.contact_point)"
    ),
    "opening a link unsubscribes": Mutant(
        "streams/sources/gateway/unsubscribe.py", "web.get(path, self.ask)", "web.get(path, self.hear)"
    ),
    "a click is answered whatever became of it": Mutant(
        "streams/sources/gateway/unsubscribe.py", "raise web.HTTPServiceUnavailable(", "raise web.HTTPOk("
    ),
    "any body is a click": Mutant(
        "streams/sources/gateway/unsubscribe.py", "if form.get(_FIELD) != _VALUE:", "if False:"
    ),
    "a token may be written in several ways": Mutant("models/sealing.py", "_text(raw) != token", "not raw"),
    "a link of one purpose serves another": Mutant("models/sealing.py", 'f"fineacers {purpose}"', '"fineacers"'),
    "looking at a request answers it": Mutant(
        "streams/sources/gateway/approval.py", "web.get(path, self.ask)", "web.get(path, self.hear)"
    ),
    "whoever answers is told that their word stands": Mutant(
        "streams/sources/gateway/approval.py",
        'if (ended["decided_by"], ended["concluded_at"]) != (fact.decided_by, as_datetime(fact.occurred_at)):',
        "if False:",
    ),
    "a word for what has ended is published": Mutant(
        "streams/sources/gateway/approval.py",
        'if found["concluded_at"] is not None:\n            return _too_late(found)',
        "pass",
    ),
    "a reviewer's name is shown as it was typed": Mutant(
        "streams/sources/gateway/approval.py", "already: {escape(ending(ended))}", "already: {ending(ended)}"
    ),
    "a booking's confirmation can be unsubscribed from": Mutant(
        "processors/lead/receipt.py",
        'request.category != "marketing" or asked.channel != "email"',
        'asked.channel != "email"',
    ),
    "a key beside a person links the two": Mutant(
        "schemas/events/contact.py", "any(getattr(self, name) for name in names)", "False"
    ),
}


WHOLE = Mutant("models/money.py", "def apportion(", "def apportion(")
"""Breaks nothing, so it must survive: else the tests fail of themselves and kill nobody."""


def fate(mutant: Mutant) -> str:
    """``killed`` with the test that did it, or ``SURVIVED``, or what is wrong with the mutant itself."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for part in COPIED:
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        source = (tree / mutant.file).read_text()
        if source.count(mutant.was) != 1:
            return f"BROKEN: its text stands {source.count(mutant.was)} times in {mutant.file}"
        (tree / mutant.file).write_text(source.replace(mutant.was, mutant.now))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *TESTS]
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode == 0:
        return "SURVIVED"
    if done.returncode != 1 or not failed or "Error while" in done.stdout:
        return f"BROKEN: the tests did not run:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"
    return "killed by " + failed[0].split(" - ")[0].removeprefix("FAILED ")


def main(names: list[str]) -> int:
    """Print the fate of each mutant; 0 when all were killed."""
    chosen = names or list(MUTANTS)
    if (unbroken := fate(WHOLE)) != "SURVIVED":
        print(f"the tests do not pass as it is: {unbroken}")  # noqa: T201
        return 1
    alive = 0
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2 + 1)) as pool:
        for name, told in zip(chosen, pool.map(lambda name: fate(MUTANTS[name]), chosen), strict=True):
            alive += not told.startswith("killed")
            print(f"{name}: {told}", flush=True)  # noqa: T201
    print(f"{len(chosen) - alive} of {len(chosen)} killed")  # noqa: T201
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
