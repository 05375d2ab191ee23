"""Start and stop the local stack. Both may be called again at any time and then only do what is left to do."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from streams.local.jars import fetch, locked_jars, missing
from streams.local.kafka import find_java
from streams.local.postgres import find_programs, server_user
from streams.local.services import PLATFORM, WORKERS
from streams.local.state import LocalStackError, StateFolder
from streams.local.supervise import die_with_parent
from streams.settings import STORES, Settings, identity_key, read_services_file, read_settings

READY_SECONDS = 180
"""How long `start` waits for every service to answer."""
_SUPERVISOR_SECONDS = 30
_STOP_SECONDS = 120
_HOPELESS_RESTARTS = 3
_LINES_OF_LOG = 12
_ADDRESS_OF = {"kafka": "kafka_bootstrap", "postgres": "postgres_host", "clickhouse": "clickhouse_url"}

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Started:
    """What `start` found and did."""

    settings: Settings
    """As every process of the stack reads them."""
    services: tuple[str, ...]
    """All that run now on this machine and are ready."""
    elsewhere: tuple[str, ...]
    """Stores that the environment names by address, so that none was started."""
    was_running: bool
    """Whether everything already ran."""


def start(
    settings: Settings,
    services: Iterable[str] = STORES,
    *,
    bound_to_caller: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Started:
    """Bring the named services up and wait until each answers.

    A store whose address comes from the environment is taken to run elsewhere and is left alone.

    Args:
        settings: gives the state folder and the cache folder.
        services: names of stores and platform services.
        bound_to_caller: stop everything when the calling process ends, however it ends. Call from its main thread.
        progress: for showing what takes long.

    Raises:
        LocalStackError: something is missing or does not start; says what, and what to do.
    """
    folder = StateFolder(settings.state_dir)
    others = elsewhere(settings)
    names = tuple(name for name in (*STORES, *PLATFORM) if name in set(services) and name not in others)
    require_platform()
    folder.create()
    with folder.only_one("up"):
        was_running = folder.supervisor() is not None and _all_ready(folder, names)
        if not was_running:
            _provide(settings, names, progress)
            identity_key(settings)
            _launch(folder, settings, names, bound_to_caller)
        _await_ready(folder, names, progress)
    return Started(read_settings(state_dir=folder.path), names, others, was_running)


def stop(settings: Settings, *, delete_data: bool = False) -> bool:
    """Stop everything that runs on the state folder, gracefully; returns whether anything did.

    Args:
        settings: gives the state folder.
        delete_data: also delete the data, passwords and identity key in the folder, and the folder itself unless
            something else is in it.

    Raises:
        LocalStackError: the folder to delete is not a state folder.
    """
    folder = StateFolder(settings.state_dir)
    pid = folder.supervisor()
    if pid is not None:
        _end(pid, folder)
    if delete_data and folder.path.exists():
        folder.delete()
    return pid is not None


def require_platform() -> None:
    """Raise a LocalStackError unless the wheels of the local servers exist for this machine."""
    machine = os.uname()
    if sys.platform != "linux" or machine.machine not in ("x86_64", "aarch64"):
        raise LocalStackError(
            f"the local servers exist for Linux on x86-64 and arm64, this is {machine.sysname} on {machine.machine}: "
            "set FINEACERS_KAFKA_BOOTSTRAP, FINEACERS_POSTGRES_HOST and FINEACERS_CLICKHOUSE_URL to servers elsewhere"
        )


def elsewhere(settings: Settings) -> tuple[str, ...]:
    """The stores whose address the environment gives, so that none of them is started here."""
    ours = read_services_file(settings.state_dir)
    return tuple(
        store for store, address in _ADDRESS_OF.items() if getattr(settings, address) not in (None, ours.get(address))
    )


def _provide(settings: Settings, names: Iterable[str], progress: Progress) -> None:
    """Everything that can be missing, asked for before anything starts."""
    if "postgres" in names:
        find_programs()
        server_user()
    if "clickhouse" in names:
        require_chdb()
    if "kafka" in names:
        find_java()
        cache = settings.cache_dir.expanduser()
        jars, what = missing(locked_jars(), cache), "downloading Kafka"
        fetched: list[str] = []

        def done(name: str) -> None:
            fetched.append(name)
            progress(what, len(fetched), len(jars))

        if jars:
            progress(what, 0, len(jars))
            fetch(jars, cache, settings.maven_repository, lambda jar: done(jar.artifact))


def require_chdb() -> None:
    """Raise a LocalStackError unless the embedded ClickHouse is installed; does not load it."""
    if find_spec("chdb") is None:
        raise LocalStackError(
            "no ClickHouse: the wheel chdb is not installed; install requirements.lock, "
            "or use a ClickHouse elsewhere with FINEACERS_CLICKHOUSE_URL"
        )


def _all_ready(folder: StateFolder, names: Iterable[str]) -> bool:
    status = folder.status()
    return all(status.get(name, {}).get("state") in ("ready", "done") for name in names)


def _launch(folder: StateFolder, settings: Settings, names: tuple[str, ...], bound_to_caller: bool) -> None:
    """Tell the running supervisor of the new services, or start one."""
    pid = folder.supervisor()
    if pid is not None:
        folder.want(dict.fromkeys((*folder.wanted(), *names)))
        os.kill(pid, signal.SIGHUP)
        return
    folder.write("status.json", "{}\n")
    folder.assign(settings, names, WORKERS)
    folder.want(names)
    with folder.log("supervisor").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "streams.local.supervise", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "FINEACERS_STATE_DIR": str(folder.path)},
            preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM) if bound_to_caller else None,  # noqa: PLW1509
        )
    deadline = time.monotonic() + _SUPERVISOR_SECONDS
    while folder.supervisor() is None:
        if child.poll() is not None or time.monotonic() > deadline:
            raise LocalStackError(f"the supervisor did not start:\n{_tail(folder.log('supervisor'))}")
        time.sleep(0.02)
    # Nobody here waits for its end: it is to outlive this process, or `stop` collects it.
    child.returncode = 0


def _await_ready(folder: StateFolder, names: tuple[str, ...], progress: Progress) -> None:
    deadline, shown = time.monotonic() + READY_SECONDS, -1
    while not _all_ready(folder, names):
        status = folder.status()
        ready = sum(status.get(name, {}).get("state") in ("ready", "done") for name in names)
        if ready != shown:
            progress("starting services", ready, len(names))
            shown = ready
        for name in names:
            if status.get(name, {}).get("restarts", 0) >= _HOPELESS_RESTARTS and status[name]["reason"]:
                raise LocalStackError(_failure(folder, name, status[name]["reason"]))
        if folder.supervisor() is None:
            raise LocalStackError(f"the supervisor ended:\n{_tail(folder.log('supervisor'))}")
        if time.monotonic() > deadline:
            late = [name for name in names if status.get(name, {}).get("state") not in ("ready", "done")]
            reason = status.get(late[0], {}).get("reason") or f"not ready after {READY_SECONDS} s"
            raise LocalStackError(_failure(folder, late[0], reason))
        time.sleep(0.03)
    progress("starting services", len(names), len(names))


def _failure(folder: StateFolder, name: str, reason: str) -> str:
    return f"{name} does not start: {reason}\n{_tail(folder.log(name))}\n`fineacers down` stops what runs"


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG:]
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in lines)


def _end(pid: int, folder: StateFolder) -> None:
    """SIGTERM to the supervisor, then wait for its end by its pidfd."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # Asked again with the pidfd in hand, so that the signal cannot reach a stranger with a reused pid.
        if folder.supervisor() != pid:
            return
        signal.pidfd_send_signal(process, signal.SIGTERM)
        if not select.select([process], [], [], _STOP_SECONDS)[0]:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], _STOP_SECONDS)
        with suppress(ChildProcessError):  # it is our child only if this process started it
            os.waitpid(pid, 0)
    finally:
        os.close(process)
