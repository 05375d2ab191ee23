"""Webhooks that take what Slack's incoming webhooks take: one POST of JSON with a text, answered by a status.

Headers: ``Idempotency-Key`` is the request's id; ``X-Fineacers-Signature`` is ``v0=`` and the HMAC-SHA256, in
hexadecimal and with the signing key, of ``v0:<X-Fineacers-Request-Timestamp>:<body>``, as Slack signs what it sends.

Which statuses may be tried again follows from who may have given them. Slack knows no idempotency keys, so only what
surely was not taken is tried again: no connection, 429, and 503 with a Retry-After, by which the server itself says
"later". Any other 5xx may come from a gateway that lost the answer to a message taken long ago, and stays unknown.
The body of an answer is not read: the status says it all, and nobody knows what else is in there.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from schemas.events.effects import EffectRequested
from streams.effects.answer import Answer
from streams.settings import PREFIX, Settings, SettingsError
from streams.sources.gateway.links import approval_link

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
"""For each host that a name stands for, and as long again for all of the handshake, however slowly it comes."""
ANSWER_SECONDS = 10.0
"""From the connection to the end of the answer's headers, however slowly they come."""
_LONGEST_AFTER_SECONDS = 3_600.0
_MOST_HOSTS = 2
"""Of each family of addresses: one may be of no use from here."""
_VISIBLE = re.compile(r"[!-~]+")
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class Webhooks:
    """Posts to the webhooks that the settings name. Their addresses are secrets: they leave by the socket alone."""

    def __init__(self, settings: Settings) -> None:
        """Read the addresses; raises ``SettingsError``, which repeats none of them."""
        self._settings, self._addresses = settings, addresses(settings)
        self._key = settings.need("webhook_signing_key").encode() if self._addresses else b""
        self._tls = ssl.create_default_context()

    def __call__(self, request: EffectRequested) -> Answer:
        """Post a request once."""
        address = self._addresses.get(request.target)
        if address is None:
            return Answer("refused", "unknown_webhook")
        body = json.dumps({"text": self._text(request)}, ensure_ascii=False).encode()
        headers = signed(body, self._key, int(time.time()))
        return _post(address, body, {**headers, "Idempotency-Key": request.request_id}, self._tls)

    def _text(self, request: EffectRequested) -> str:
        """The payload, and the link by which to answer, which is a secret and therefore in no record."""
        if request.about != "approval":
            return request.payload
        link = approval_link(self._settings, request.workspace_id, request.region, request.about_id, request.lead_id)
        return f"{request.payload}\nOr here: {link}"


def addresses(settings: Settings) -> dict[str, SplitResult]:
    """Address by name. Raises ``SettingsError``, which repeats none of them."""
    text = settings.webhooks.get_secret_value() if settings.webhooks is not None else ""
    try:
        named = json.loads(text or "{}")
    except ValueError:
        named = None
    if not isinstance(named, dict) or not all(isinstance(address, str) for address in named.values()):
        raise SettingsError(
            f'{PREFIX}WEBHOOKS is no JSON object of names and addresses, such as {{"sales": "https://…"}}'
        )
    return {name: _address(name, address) for name, address in named.items()}


def _address(name: str, text: str) -> SplitResult:
    wrong = (
        f"{PREFIX}WEBHOOKS: the address of {name} must begin with https://, or with http:// on this machine, and name "
        "a host that can exist, without a space anywhere"
    )
    try:
        address = urlsplit(text)
        known = address.hostname is not None and (address.port is None or address.port > 0)
        (address.hostname or "").encode("idna")  # an empty or long label can be no name, and nobody could be asked
    except ValueError:
        raise SettingsError(wrong) from None
    if not known or address.scheme not in ("http", "https") or not _VISIBLE.fullmatch(text):
        raise SettingsError(wrong)
    if address.scheme == "http" and address.hostname not in _LOCAL:
        raise SettingsError(wrong)
    return address


def signed(body: bytes, key: bytes, timestamp: int) -> dict[str, str]:
    """The headers by which a receiver can tell that a body is ours, and of when."""
    mac = hmac.new(key, b"v0:%d:%b" % (timestamp, body), hashlib.sha256)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "X-Fineacers-Request-Timestamp": str(timestamp),
        "X-Fineacers-Signature": f"v0={mac.hexdigest()}",
    }


def _post(address: SplitResult, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext) -> Answer:
    host, port = address.hostname or "", address.port
    connection = (
        http.client.HTTPSConnection(host, port, context=tls)
        if address.scheme == "https"
        else http.client.HTTPConnection(host, port)
    )
    try:
        connection.sock = _connected(address, tls)
    except Exception as error:  # whatever it was, nothing was sent
        log.info("no connection: %s", type(error).__name__)  # its text may hold the address
        return Answer("again", "unreachable")
    deadline = threading.Timer(ANSWER_SECONDS, _cut, (connection.sock,))
    deadline.daemon = True
    deadline.start()
    try:
        connection.sock.settimeout(ANSWER_SECONDS)
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        connection.request("POST", target, body, {**headers, "Connection": "close"})
        answered = connection.getresponse()
        return judged(answered.status, answered.getheader("Retry-After"), time.time())
    except Exception as error:  # whatever it was, the other side may have read the message
        log.info("no answer: %s", type(error).__name__)
        return Answer("unknown", "no_answer")
    finally:
        deadline.cancel()
        with suppress(OSError):
            connection.close()


def _connected(address: SplitResult, tls: ssl.SSLContext) -> socket.socket:
    """A connection to the first that answers of the hosts that a name stands for; of many only some are tried."""
    port = address.port or (443 if address.scheme == "https" else 80)
    found = socket.getaddrinfo(address.hostname, port, type=socket.SOCK_STREAM)
    by_family: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for family, *_, (host, *_) in found:
        by_family[family].append((str(host), port))
    sock = _reached([host for hosts in by_family.values() for host in hosts[:_MOST_HOSTS]])
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(sock, server_hostname=address.hostname) if address.scheme == "https" else sock


def _reached(hosts: Sequence[tuple[str, int]]) -> socket.socket:
    *others, last = hosts
    for host in others:
        with suppress(OSError):
            return socket.create_connection(host, CONNECT_SECONDS)
    return socket.create_connection(last, CONNECT_SECONDS)


def _cut(sock: socket.socket) -> None:
    """End whoever still waits for that socket."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def judged(status: int, retry_after: str | None, now: float) -> Answer:
    """What a status means for the message; ``now`` in seconds since 1970, for a Retry-After that is a date."""
    told = str(status)
    if 200 <= status < 300:
        return Answer("done", "answered", told)
    if status == 429:
        return Answer("again", "too_many_requests", told, _seconds(retry_after, now))
    if status == 503 and retry_after is not None:
        return Answer("again", "unavailable", told, _seconds(retry_after, now))
    if status >= 500:
        return Answer("unknown", "server_error", told)
    return Answer("refused", "redirected" if 300 <= status < 400 else "rejected", told)


def _seconds(retry_after: str | None, now: float) -> float:
    """How long the other side asks to wait: so many seconds, or until a date; an hour at the most."""
    if retry_after is None:
        return 0.0
    try:
        wait = float(int(retry_after))
    except ValueError:
        try:
            when = parsedate_to_datetime(retry_after)
        except ValueError:
            return 0.0
        wait = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    return min(max(wait, 0.0), _LONGEST_AFTER_SECONDS)
