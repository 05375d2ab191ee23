"""A receiver of webhooks on this machine that does what the text of a post says, and remembers who called."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from schemas.events.effects import EffectRequested
from tests.support.facts import at, fresh_id

SECRET = "T0000/very-secret"
KEY = "a key that the receiver knows"


class Call(NamedTuple):
    """One post: its body as it came, its Unix time."""

    body: bytes
    timestamp: int


class Receiver:
    """``calls`` by idempotency key. What a text begins with is done: a status, hang, drip, cut, kill; else 200."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.forged: list[str] = []
        self.kill: Callable[[], None] = lambda: None
        self.let_go = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        """The address of a webhook, with a secret in it."""
        return f"http://127.0.0.1:{self._server.server_port}/services/{SECRET}/{name}?token=hidden"

    def close(self) -> None:
        """Stop listening."""
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Note a post and do what it says."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        key, timestamp = request.headers["Idempotency-Key"], request.headers["X-Fineacers-Request-Timestamp"]
        wanted = hmac.new(KEY.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
        if request.headers["X-Fineacers-Signature"] != f"v0={wanted}":
            self.forged.append(key)
        self.calls[key].append(Call(body, int(timestamp)))
        what, *_ = str(json.loads(body)["text"]).split(" ")
        is_first = len(self.calls[key]) == 1
        match what:
            case "hang":
                self.let_go.wait(60)
            case "drip":
                self._drip(request)
            case "cut":
                request.wfile.write(b"HTTP/1.1 20")
                request.close_connection = True
            case "kill":
                self.kill()
            case "answer-then-kill":
                self._send(request, 200)
                request.wfile.flush()
                self.kill()
            case "429" | "503":
                self._send(request, int(what) if is_first else 200, "1")
            case _:
                self._send(request, int(what) if what.isdigit() else 200)

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        """A byte now and then, for ever, so that no single one is late."""
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.let_go.wait(0.5):
            try:
                request.wfile.write(b".")
            except OSError:
                return

    def _send(self, request: BaseHTTPRequestHandler, status: int, retry_after: str | None = None) -> None:
        request.send_response(status)
        if retry_after is not None and status != 200:
            request.send_header("Retry-After", retry_after)
        if status == 302:
            request.send_header("Location", self.url("elsewhere"))
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"ok")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()


def wanted(**fields: Any) -> EffectRequested:
    """A request for a call of the webhook `sales`."""
    return EffectRequested.build(
        **{
            "event_id": fresh_id(), "workspace_id": "acme", "region": "UAE", "occurred_at": at("3-1"), "source": "t",
            "request_id": fresh_id(), "kind": "webhook", "target": "sales", "about": "reply", "about_id": fresh_id(),
            "lead_id": fresh_id(), "reply_stage": "lead", "reply_key": fresh_id(), "not_after": at("3-2"),
            "payload": "200 Grüße", **fields,
        }
    )  # fmt: skip
