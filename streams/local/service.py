"""What a service is: one process to keep running, and how to tell that it answers."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener


@dataclass(frozen=True)
class Service:
    """One process that the supervisor starts, watches, restarts and stops."""

    name: str
    """Unique; also the name of its log file."""
    argv: tuple[str, ...]
    """Program and arguments. Never a secret: any user of the machine can read them."""
    ready: Callable[[], bool] | None = None
    """Whether it answers; may block for a second. None: it counts as ready as soon as it runs."""
    prepare: Callable[[], None] | None = None
    """Work to do before the first start, in a thread."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's environment."""
    bare: bool = False
    """It gets a bare environment instead, for it has no use for our settings, and some of them are secrets."""
    after: tuple[str, ...] = ()
    """Services that must be ready (or, if they run once, have succeeded) before this one starts."""
    once: bool = False
    """It ends by itself with exit code 0 and is then done; otherwise its end is a crash."""
    run_as: tuple[int, int] | None = None
    """User and group id; None: the supervisor's own."""
    nice: int = 0
    """How far it stands back while the machine is busy, as in nice(1)."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 15.0
    """Seconds between the stop signal and SIGKILL."""


STANDS_BACK = 5
"""What fills and keeps the stores lets those go first who decide: what it shows may be a moment late."""


# What a program needs to find itself, its libraries and temporary files.
_BARE = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "JAVA_HOME", "PYTHONPATH")


def bare_environment() -> dict[str, str]:
    """What is left of our environment for programs that are not ours: no setting, no secret."""
    return {name: os.environ[name] for name in _BARE if name in os.environ}


def listens(port: int) -> bool:
    """Whether something accepts connections on that port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def answers_http(url: str) -> bool:
    """Whether a GET of that local address gives a success, asked directly and not through a proxy."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2) as response:
            return bool(200 <= response.status < 300)
    except (URLError, OSError, HTTPException):
        return False
