"""Attribution, the books, campaigns and what is learned of journeys."""

from tests.mutants.mutant import Mutant

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
    "decimals of currencies are ignored": Mutant("models/money.py", "(minor_digits(quote) - minor_digits(base))", "0"),
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
        "processors/ledger/post.py", "(stands, books.told, books.figured or books.told)", "(stands, told, figured)"
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
    "a booking dropped from memory is forgotten": Mutant(
        "models/conversion.py", "if dropped is not None and dropped.booked_at is not None:", "if not revisions:"
    ),
    "deleted touches stay in the path": Mutant("models/attribution/path.py", "return self.live and", "return"),
    "a removed channel is counted at each return": Mutant(
        "models/attribution/markov.py", "reached[c] / visits[c][c] * brings[c]", "reached[c] * brings[c]"
    ),
    "a channel weighs more for each of its touches": Mutant(
        "models/attribution/learned.py", "weight * (common // touches[channel])", "weight"
    ),
    "a Monday is solved again": Mutant("processors/workspace/solve.py", "monday <= learning.solved or ", ""),
    "the week under way is learned from": Mutant(
        "processors/workspace/solve.py", "if begins < monday}", "if begins <= monday}"
    ),
    "what an old week loses is taken back all the same": Mutant(
        "processors/workspace/solve.py", "if event.week < learning.oldest or not", "if not"
    ),
}
