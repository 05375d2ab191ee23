"""What the worker of effects shows of itself, in Prometheus' terms, and the pages on which it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, generate_latest


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("kind", "outcome")
        self._calls = Counter(
            "fineacers_effect_calls", "Calls of the outside world, by what they came to", labels, registry=self.registry
        )
        self._effects = Counter("fineacers_effects", "Requests answered", labels, registry=self.registry)

    def called(self, kind: str, outcome: str) -> None:
        """Note a call."""
        self._calls.labels(kind, outcome).inc()

    def answered(self, kind: str, outcome: str) -> None:
        """Note a result."""
        self._effects.labels(kind, outcome).inc()


def serve(metrics: Metrics, is_ready: Callable[[], bool], port: int) -> None:
    """Serve ``/metrics`` and ``/ready`` on a port of loopback for as long as the process lives."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer a page."""
            status, text = 404, b""
            if self.path == "/metrics":
                status, text = 200, generate_latest(metrics.registry)
            elif self.path == "/ready":
                status = 200 if is_ready() else 503
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing of each page."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Pages)
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()
