"""Identifiers that name nobody: shared mailboxes, test addresses, what is typed to get past a form or means none."""

from __future__ import annotations


def is_blocked(kind: str, value: str, blocked: tuple[str, ...]) -> bool:
    """Whether a policy's ``blocked_identifiers`` hold a value as written or in lower case.

    An e-mail address also when they hold its user and @; a phone number when it ends with one of theirs, whose trunk
    zero is left aside.
    """
    text = value.strip()
    if text in blocked or text.lower() in blocked:
        return True
    if kind == "email":
        return text.lower().partition("@")[0] + "@" in blocked
    if kind in ("phone", "wa_id"):
        digits = "".join(one for one in value if one.isdigit())
        return any(entry.isdigit() and digits.endswith(entry.removeprefix("0")) for entry in blocked)
    return False
