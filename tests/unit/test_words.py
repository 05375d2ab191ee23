"""Which messages are an opt-out, however they are written, and which are not."""

from __future__ import annotations

import pytest

from models.consent.words import is_stop


@pytest.mark.parametrize(
    "text",
    ["STOP", "StopAll", "UNSUBSCRIBE", "cancel", "End", "QUIT", "Opt out", "OPT-OUT", "optout", "Revoke", "Remove"],
)
def test_the_words_of_rules_and_providers_are_one(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "Abmelden", "STOPP!", "Keine Werbung.", "ARRÊT", "arret", "Désabonner", "¡Baja!", "No más", "إلغاء الاشتراك",
        "الغاء", "إيقاف", "रोकें", "बंद करें।", "band karo",
    ],
)  # fmt: skip
def test_so_are_words_of_other_languages(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "  stop\n", "Stop.", '"STOP"', "«stop»", "stop!!!", "stop 🙏", "stop ✋🏽", "✋\ufe0f stop", "ＳＴＯＰ",
        "sto\u200bp", "\u200fتوقف\u200f", "opt\u00a0out", "opt_out", "arre\u0302t",
    ],
)  # fmt: skip
def test_case_punctuation_symbols_and_what_nobody_sees_do_not_matter(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "?!", "🙏", "Can I stop by tomorrow?", "Please do not cancel my viewing", "the end", "non-stop", "nonstop",
        "stopped", "Weekend", "Is there a bus stop?", "no", "yes", "बंदर", "s t o p",
    ],
)  # fmt: skip
def test_a_message_that_says_more_or_something_else_is_none(text: str) -> None:
    assert not is_stop(text)
