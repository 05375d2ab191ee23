"""Who is who: identifiers, bindings, merges, splits, erasure."""

from tests.mutants.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    "an older revision keeps a booking open": Mutant(
        "processors/resolve/booking.py",
        "revisions=revisions, dropped=dropped)",
        "revisions=revisions, dropped=dropped, changed_at=ctx.now)",
    ),
    "a closed booking takes revisions": Mutant(
        "processors/resolve/booking.py", "booking.changed_at + REFUSED_AFTER", "booking.changed_at + 2 * REFUSED_AFTER"
    ),
    "lines of a posting share an id": Mutant("schemas/ids.py", "range(1, count + 1)", "[1] * count"),
    "a booking belongs to the revision that came last": Mutant(
        "processors/resolve/booking.py",
        "if fact.revision <= booking.revision:",
        "if fact.revision == booking.revision:",
    ),
    "all workspaces share one key": Mutant(
        "models/identity/hashing.py", 'info=b"fineacers identity " + workspace.encode()', 'info=b"fineacers identity "'
    ),
    "the future is believed": Mutant(
        "processors/intake/admit.py",
        "at is not None and at > received.arrived_at + MAX_AHEAD]",
        "at is not None and at < 0]",
    ),
    "any fact is taken from any topic": Mutant("processors/intake/admit.py", " or topic.name != received.topic:", ":"),
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
    "a later login of another companion claims": Mutant(
        "processors/resolve/weak.py", "weak.claim <= claim", "weak.claim >= claim"
    ),
    "a later word on a revision moves the booking": Mutant(
        "processors/resolve/booking.py", "dates.setdefault(fact.revision, ", "dates.__setitem__(fact.revision, "
    ),
    "the ownership epoch stands still": Mutant(
        "processors/resolve/booking.py", "ver=booking.ver + 1", "ver=booking.ver"
    ),
    "blocked identifiers name people": Mutant(
        "processors/resolve/usable.py",
        "for one, (_, blocked) in zip(strong, named, strict=True) if not blocked]",
        "for one in strong]",
    ),
    "a lead is not told of its anchor": Mutant(
        "processors/resolve/root.py", "for one in sorted(in_use & {*facts.first})", "for one in ()"
    ),
    "a shared address is taken for one person's": Mutant(
        "models/identity/doubts.py", '"limit", "shared"))', '"limit"))'
    ),
    "who is in doubt is told only when it moves": Mutant(
        "processors/resolve/root.py", "sorted((doubted ^ in_doubt(facts.conflicts)) - moved.keys())", "()"
    ),
    "a settled conflict is never told": Mutant(
        "processors/resolve/root.py",
        "(doubted ^ in_doubt(facts.conflicts))",
        "(doubted - in_doubt(facts.conflicts))",
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
    "a contact point forgets its erasure": Mutant(
        "processors/resolve/point.py", "        unerased(consents, strong.erased_at),\n", ""
    ),
}
