"""Leads: scores, temperatures, routes, paths and their history."""

from tests.mutants.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    "views count as clicks": Mutant(
        "models/touches.py", "kind not in OWN_SENDS and kind not in VIEW_CLASS", "kind not in OWN_SENDS"
    ),
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
        "return until >= horizon(newest) or any(",
        "return until >= horizon(newest) or 0 > any(",
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
    "whoever is warm is contacted": Mutant("processors/lead/route.py", "if warmer and event", "if event"),
    "older words on a lead replace newer ones": Mutant(
        "processors/lead/profile.py",
        "registers[name] = max(registers.get(name, word), word, key=_clock)",
        "registers[name] = word",
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
    "a shipment counts twice": Mutant(
        "processors/lead/hold.py", "if message.n <= holding.received.get(message.from_lead, 0):", "if False:"
    ),
    "a fact counts twice": Mutant("processors/lead/hold.py", "known is not None and origin.seq <= known.seq", "False"),
    "an early final word is forgotten": Mutant("processors/lead/hold.py", "        early.add(mark)", "        pass"),
    "the final word goes before older history": Mutant(
        "processors/lead/hold.py", "one.ver < mark.ver for one in holding.awaits", "False for one in holding.awaits"
    ),
    "the doubt stays behind when history moves": Mutant(
        "processors/lead/hold.py", "rows, seq, message.doubted)", "rows, seq, known is not None and message.doubted)"
    ),
    "history that came by is kept": Mutant(
        "processors/lead/hold.py", "return passing.pop(lead_id(ctx), {}), passing", "return parts, passing"
    ),
    "what a newer binding sends elsewhere stays": Mutant(
        "processors/lead/hold.py", "if message.ver == holding.known[message.identifier].ver:", "if parts:"
    ),
    "copies of objections are sent on for ever": Mutant(
        "processors/lead/hold.py", "if message.ver == holding.known[message.identifier].ver:", "if not parts:"
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
    "what is asked does not count yet": Mutant(
        "processors/lead/situation.py", 'if other.asked is not None and other.category == "marketing"', "if False"
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
    "what is nobody's is shipped": Mutant("processors/lead/hold.py", " if lead != NOBODY\n    ]", "\n    ]"),
    "what is nobody's goes on": Mutant("processors/lead/hold.py", "if lead == NOBODY:", "if False:"),
    "values that came with others' facts stay": Mutant(
        "processors/lead/profile.py", "after = _without_erased(before, event)", "after = before"
    ),
    "a sequence stays behind": Mutant(
        "processors/lead/moves.py", '    "nurture": (Nurturing, sequences_parted),\n', ""
    ),
    "what is older than the other's checkpoint is lost": Mutant(
        "processors/lead/score.py",
        "checkpoint=together(behind(held), behind(part))",
        "checkpoint=together(held.checkpoint, part.checkpoint)",
    ),
    "a corrected touch counts in both logs that meet": Mutant(
        "processors/lead/score.py", " and entries[entry.id] is entry]", "]"
    ),
    "what a log has forgotten is lost on its way": Mutant(
        "processors/lead/hold.py", "._replace(alone=True, of_person", "._replace(of_person"
    ),
    "a request for approval stays behind": Mutant(
        "processors/lead/moves.py", '    "approve": (Approvals, approvals_parted),\n', ""
    ),
    "a machine's touch counts": Mutant(
        "processors/lead/touch.py",
        "type(fact) is not TouchpointDeleted and not fact.machine",
        "type(fact) is not TouchpointDeleted",
    ),
}
