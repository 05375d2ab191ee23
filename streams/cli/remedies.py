"""What each reason of a dead letter means and what to do about it."""

_READ_ALIKE = "The publisher must send Confluent wire format: a zero byte, the schema id in four bytes, the Avro body."

REMEDIES: dict[str, str] = {
    # bytes
    "bad_magic": f"The record does not begin with a zero byte. {_READ_ALIKE}",
    "unknown_schema": "The record names a schema id that is not in schemas/avro/ids.json. Deploy the platform version "
    "that knows it, or have the publisher use a committed schema; then replay.",
    "truncated": f"The record ends before its schema does, or is no record of that schema. {_READ_ALIKE}",
    "trailing_bytes": f"There are bytes after the record's end. {_READ_ALIKE}",
    "invalid_utf8": "A text is not UTF-8. Have the publisher, or whoever exports the file, write UTF-8 and send again.",
    "too_large": "Send large content by reference (an address), not by value.",
    "wrong_topic": "The fact belongs in another topic, or its type is none that may come from outside. Publish it to "
    "the topic that `fineacers topics` names for its type.",
    # fields
    "missing_field": "A required field is missing. Add it at the source and send the fact again with a new event_id.",
    "unknown_region": "The region is none of UAE, IND, USA, EUR. Correct it and send again with a new event_id.",
    "unknown_currency": "The currency is no ISO 4217 code such as AED. Correct it and send again with a new event_id.",
    "bad_amount": "An amount is negative, too large, or retained_minor exceeds amount_minor. Amounts are whole minor "
    "units (fils, cents). Send the corrected fact as a higher revision with a new event_id.",
    "bad_instant": "A time is no ISO 8601 instant with a zone, or outside 1970 to 2200. Correct it and send again with "
    "a new event_id.",
    "bad_id": "An identifier has the wrong form: event_id is a UUID, workspace_id is lower case, other ids are 1 to "
    "128 printable characters. Correct it and send again.",
    "invalid_field": "A field has a value that its contract does not allow, or the type has no such field. Compare "
    "with schemas/events, correct it and send again with a new event_id.",
    "unknown_type": "No event type has this name. Compare with `fineacers topics` and send again.",
    "future": "The fact, or its booking, claims to be of more than 24 hours after it arrived. Check the publisher's "
    "clock and zone, then send again with a new event_id.",
    # meaning
    "no_usable_identifier": "The fact names no person that can be told: every identifier is missing, malformed or "
    "blocked (such as test@test.com). Add an identifier or a lead_id and send again with a new event_id.",
    "event_id_conflict": "Another fact has this event_id with other content; the first one counts. A correction needs "
    "a new event_id and a higher revision.",
    "revision_conflict": "The same revision came before with other content; the first one counts. Send the correction "
    "as a higher revision with a new event_id.",
    "beyond_restatement_horizon": "The touch is older than what is kept of its lead. Publish the bookings that it may "
    "have led to, then replay it; import history in time order, or its bookings first. A correction of a touch that is "
    "not among the lead's newest 200 cannot be applied: older ones are not told apart any more.",
    "ledger_closed": "The booking's books closed 3 years after its last new revision. Post a correction as a booking "
    "of its own; or have the books reopened from ledger_lines, then replay this fact.",
    "bad_policy": "The document is no policy that could be applied; the rules stay as they were. `fineacers replay "
    "--policy FILE` says of one in a file what is wrong with it. Publish the corrected one by `fineacers publish "
    "policies`, with a new event_id.",
    "too_many_bookings": "One lead has more bookings than a person makes: probably an agency's shared address or a "
    "test identifier. Split the identities, or block the identifier in the policy, then replay.",
    "quarantined": "A stage stopped at the fact by an error that nobody expected, and an operator set it aside. "
    "Correct the code, then replay the fact; where a stage after resolve had stopped, with `event_id: new` in a fix.",
    # files and lines
    "missing_column": "The row has fewer fields than the header: a line cut in two, or a missing delimiter. Mend the "
    "file and import it again; what was imported is not counted twice.",
    "extra_column": "The row has more fields than the header: usually an unquoted delimiter inside a value. Mend the "
    "file and import it again; what was imported is not counted twice.",
    "bad_csv": "The row is no CSV, usually a quote that is opened and never closed. Mend the file and import it again.",
    "bad_json": "The line is no JSON object. Write one object a line, nothing else, and send it again.",
    "bad_value": "A cell is not what the mapping expects, or is unknown to one of its tables. Mend the cell, or the "
    "mapping where the value is right, and import the file again.",
    "bad_order": "The row's dates contradict each other: its later event would happen first. Mend the dates at the "
    "source and import the file again.",
}


def remedy(reason: str) -> str:
    """What a reason means and what to do."""
    return REMEDIES.get(reason, "The detail says what was wrong. Mend it at the source and send the fact again.")
