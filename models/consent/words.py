"""Which messages are an opt-out: those that say one of a few words and nothing else.

The English words are those that 47 CFR 64.1200(a)(10) names as a revocation by themselves (stop, quit, end, revoke,
opt out, cancel, unsubscribe) and those that carriers and messaging providers have texts answered by (STOPALL, OPTOUT,
REMOVE; ARRET in Canada). The other languages are those of the four regions, with what their speakers answer to "reply
STOP": these lists bind nobody, so they hold only words that mean nothing else as a whole message.

A message that says more ("can I stop by tomorrow?") is not for a list to judge. Whoever reads it and finds that it asks
for no more messages, in whatever words, says so with a ``ConsentChanged``.
"""

from __future__ import annotations

import unicodedata

_WORDS = (
    # English
    "stop", "stop all", "stopall", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe", "remove",
    # German
    "stopp", "abmelden", "abbestellen", "austragen", "widerruf", "beenden", "keine werbung",
    # French
    "arrêt", "arret", "arrêter", "arreter", "arrêtez", "arretez", "désabonner", "desabonner", "désinscrire",
    "desinscrire", "désinscription", "desinscription", "résilier", "resilier",
    # Spanish
    "alto", "baja", "darse de baja", "parar", "cancelar", "detener", "no más", "no mas",
    # Arabic
    "توقف", "أوقف", "اوقف", "إيقاف", "ايقاف", "إلغاء", "الغاء", "إلغاء الاشتراك", "الغاء الاشتراك",
    # Hindi, in both scripts
    "रोकें", "रोको", "रुकें", "रुको", "बंद", "बंद करें", "बंद करो", "रद्द करें", "सदस्यता समाप्त करें", "roko", "band karo",
)  # fmt: skip


def is_stop(text: str) -> bool:
    """Whether a message asks for no more messages, by one word of the list; how it is written does not matter."""
    return _plain(text) in _STOPS


def _plain(text: str) -> str:
    """The words of a text in one form: no case, punctuation, symbols or invisible marks, one space between words."""
    letters = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    spaced = "".join(_spaced(letter) for letter in letters)
    return " ".join(word for word in spaced.split() if any(letter.isalnum() for letter in word))


def _spaced(letter: str) -> str:
    """A space for what separates words (P, S, Z, control characters), nothing for what nobody sees (Cf)."""
    category = unicodedata.category(letter)
    if category == "Cf":
        return ""
    return " " if category[0] in "PSZC" else letter


_STOPS = frozenset(map(_plain, _WORDS))
