"""Contact: consent, hours, caps, receipts, sequences, approvals, effects, links."""

from tests.mutants.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    "an open conflict holds nobody": Mutant(
        "processors/lead/checks.py", 'Check("hold", "open_conflict") if now.doubted else ', ""
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
    "Florida is not American": Mutant("models/consent/jurisdiction.py", '(("USA", "US-FL"))', '(("USA",))'),
    "law and clock are those of the newest number": Mutant(
        "processors/lead/situation.py", 'if point is not None and point[1] == "phone" else', "if False else"
    ),
    "one more than the cap": Mutant("models/consent/slots.py", "self.used < self.most", "self.used <= self.most"),
    "a cap's window includes its end": Mutant(
        "models/consent/slots.py", "abs(one.at - wanted.at) < cap.window", "abs(one.at - wanted.at) <= cap.window"
    ),
    "a cap's window looks back only": Mutant(
        "models/consent/slots.py", "abs(one.at - wanted.at) < cap.window", "0 <= wanted.at - one.at < cap.window"
    ),
    "no second look at the grant": Mutant(
        "processors/lead/gate.py",
        'answer = verdict(checks)\n    if answer.outcome != "pass":',
        "answer = verdict(checks)\n    if False:",
    ),
    "an answer is for the newest address": Mutant(
        "processors/lead/gate.py", "asked.channel, ctx, asked)", "asked.channel, ctx)"
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
    "an answer by e-mail opens WhatsApp": Mutant(
        "processors/lead/consent.py", ' and fact.channel == "whatsapp" else None', " else None"
    ),
    "who asks for much may ask again": Mutant(
        "processors/lead/requests.py", " or (one in self.ends and now < self.ends[one].until)", ""
    ),
    "whoever asks too often starts the day anew": Mutant(
        "processors/resolve/social.py",
        "forgotten = {*former[:-MAX_REMEMBERED], ",
        "forgotten = {*list(self.asked)[:-MAX_REMEMBERED], ",
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
    "who cannot be reached at one address is silenced at all": Mutant(
        "models/consent/ledger.py",
        "return Consents(withdrawn=consents.withdrawn, suppressed=consents.suppressed)",
        "return msgspec.structs.replace(consents, granted={})",
    ),
    "a complaint is no objection": Mutant(
        "models/consent/statements.py",
        '(objection, unusable) if fact.status == "complained" else (unusable,)',
        "(unusable,)",
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
    "who waits for an answer hears of no erasure": Mutant(
        "processors/lead/gate.py", 'before, _last_words(before, event.parts.get("gate"), ctx)', "before, []"
    ),
    "the gate knows of no erasure": Mutant("processors/lead/checks.py", '    ("erased", remembered),\n', ""),
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
    "a merge asks for approval again": Mutant(
        "processors/lead/approve.py", "asked=held.asked or (is_hot and part.asked)", "asked=held.asked"
    ),
    "a sequence comes to a warm lead": Mutant(
        "processors/lead/nurture.py", "route.route in _WARM else both", "False else both"
    ),
    "a machine's open is read": Mutant("processors/lead/nurture.py", " or _is_machine(touch)", ""),
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
