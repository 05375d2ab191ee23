"""The supervisor, with small programs in place of servers."""

import asyncio
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from streams.local import supervise
from streams.local.service import Service, answers_http
from streams.local.state import LocalStackError, StateFolder
from streams.local.supervise import Supervisor


def _in_a_loop(test: Callable[[StateFolder], Coroutine[Any, Any, None]]) -> Callable[[StateFolder], None]:
    """Run an asynchronous test, with or without a plugin for such tests."""

    def run(folder: StateFolder) -> None:
        asyncio.run(test(folder))

    return run


_SLEEP = "import time; time.sleep(600)"
_DEAF = (
    "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    """A state folder whose supervisor restarts at once."""
    monkeypatch.setattr(supervise, "_FIRST_BACKOFF_SECONDS", 0.01)
    folder = StateFolder(tmp_path / "state")
    folder.create()
    return folder


def _python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


def _state(folder: StateFolder, name: str) -> object:
    return folder.status().get(name, {}).get("state")


@_in_a_loop
async def test_order_of_start_and_stop(folder: StateFolder) -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: order.append(name)

    supervisor = Supervisor(folder)
    supervisor.add(
        [
            Service("store", _python(_SLEEP), prepare=note("store")),
            Service("migrate", _python(""), prepare=note("migrate"), after=("store",), once=True),
            Service("worker", _python(_SLEEP), prepare=note("worker"), after=("migrate",)),
        ]
    )
    await _until(lambda: _state(folder, "worker") == "ready")
    assert order == ["store", "migrate", "worker"]
    assert _state(folder, "migrate") == "done"
    await supervisor.stop()
    status = folder.status()
    assert {known["state"] for known in status.values()} == {"stopped"}
    assert status["worker"]["changed_at"] <= status["store"]["changed_at"]


@_in_a_loop
async def test_a_crash_is_restarted_and_explained(folder: StateFolder) -> None:
    supervisor = Supervisor(folder)
    supervisor.add([Service("crash", _python("print('alas'); raise SystemExit(3)"))])
    await _until(lambda: folder.status()["crash"]["restarts"] >= 3)
    await _until(lambda: _state(folder, "crash") == "restarting")
    assert "exit code 3" in folder.status()["crash"]["reason"]
    assert folder.log("crash").read_text().count("alas") >= 3
    await supervisor.stop()


@_in_a_loop
async def test_a_failed_preparation_is_reported_not_fatal(folder: StateFolder) -> None:
    def fail() -> None:
        raise LocalStackError("no disk")

    supervisor = Supervisor(folder)
    supervisor.add([Service("bad", _python(_SLEEP), prepare=fail), Service("good", _python(_SLEEP))])
    await _until(lambda: _state(folder, "good") == "ready" and _state(folder, "bad") == "restarting")
    assert folder.status()["bad"]["reason"] == "no disk"
    await supervisor.stop()


@_in_a_loop
async def test_a_probe_that_raises_leaves_no_copy_behind(folder: StateFolder) -> None:
    pids = folder.path / "pids"
    code = f"import os, sys; print(os.getpid(), file=open(sys.argv[1], 'a')); {_SLEEP}"

    raised: list[str] = []

    def raises_at_last() -> bool:
        started = pids.read_text().split()
        if len(started) == len(raised):  # this copy has not written its pid yet
            return False
        if len(started) < 3:
            raised.append(started[-1])
            raise ValueError("no answer that a server gives")
        return True

    supervisor = Supervisor(folder)
    supervisor.add([Service("server", _python(code, str(pids)), prepare=pids.touch, ready=raises_at_last)])
    await _until(lambda: _state(folder, "server") == "restarting")
    assert folder.status()["server"]["reason"] == "no answer that a server gives"
    await _until(lambda: _state(folder, "server") == "ready")
    *former, last = map(int, pids.read_text().split())
    assert folder.status()["server"]["pid"] == last
    assert not [pid for pid in former if Path(f"/proc/{pid}").exists()]
    await supervisor.stop()


def test_what_speaks_something_else_than_http_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert not answers_http(f"http://127.0.0.1:{server.getsockname()[1]}/ready")
        thread.join()


@_in_a_loop
async def test_what_ignores_the_signal_is_killed(folder: StateFolder) -> None:
    deaf = folder.path / "deaf"
    supervisor = Supervisor(folder)
    supervisor.add([Service("deaf", _python(_DEAF, str(deaf)), ready=deaf.exists, stop_timeout=0.2)])
    await _until(lambda: _state(folder, "deaf") == "ready")
    await supervisor.stop()
    assert "killed" in folder.status()["deaf"]["reason"]


@_in_a_loop
async def test_grandchildren_do_not_outlive_a_crashed_leader(folder: StateFolder) -> None:
    pid_file = folder.path / "grandchild"
    code = (
        "import pathlib, subprocess, sys, time; "
        f"child = subprocess.Popen([sys.executable, '-c', {_SLEEP!r}]); "
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid)); time.sleep(600)"
    )
    supervisor = Supervisor(folder)
    supervisor.add([Service("leader", _python(code, str(pid_file)), ready=lambda: _written(pid_file))])
    await _until(lambda: _state(folder, "leader") == "ready")
    grandchild = os.pidfd_open(int(pid_file.read_text()))
    pid_file.unlink()
    os.kill(folder.status()["leader"]["pid"], signal.SIGKILL)
    try:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(grandchild, ended.set)
        await asyncio.wait_for(ended.wait(), 30)
    finally:
        asyncio.get_running_loop().remove_reader(grandchild)
        os.close(grandchild)
    await supervisor.stop()


@_in_a_loop
async def test_a_service_may_stand_back(folder: StateFolder) -> None:
    supervisor = Supervisor(folder)
    supervisor.add([Service("store", _python(_SLEEP), nice=3), Service("worker", _python(_SLEEP))])
    await _until(lambda: {_state(folder, name) for name in ("store", "worker")} == {"ready"})
    stands = {name: os.getpriority(os.PRIO_PROCESS, one["pid"]) for name, one in folder.status().items()}
    assert stands == {"store": os.nice(0) + 3, "worker": os.nice(0)}
    await supervisor.stop()


def test_a_bare_service_gets_its_own_environment_and_what_programs_need(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    @_in_a_loop
    async def started(folder: StateFolder) -> None:
        code = "import json, os, sys; print(json.dumps(dict(os.environ)))"
        supervisor = Supervisor(folder)
        env = {"TZ": "UTC"}
        supervisor.add([Service(name, _python(code), env=env, bare=name == "bare", once=True) for name in names])
        await _until(lambda: {_state(folder, name) for name in names} == {"done"})

    names = ("bare", "ours")
    monkeypatch.setenv("FINEACERS_WEBHOOKS", "secret")
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    started(folder)
    bare, ours = (json.loads(folder.log(name).read_text()) for name in names)
    assert "secret" not in bare.values()
    assert (bare["PATH"], bare["TMPDIR"], bare["TZ"]) == (os.environ["PATH"], "/var/tmp", "UTC")
    assert (ours["FINEACERS_WEBHOOKS"], ours["TZ"]) == ("secret", "UTC")


@_in_a_loop
async def test_adding_again_starts_only_what_is_new(folder: StateFolder) -> None:
    first, second = (Service(name, _python(_SLEEP)) for name in ("first", "second"))
    supervisor = Supervisor(folder)
    supervisor.add([first])
    await _until(lambda: _state(folder, "first") == "ready")
    before = folder.status()["first"]
    supervisor.add([first, second])
    await _until(lambda: _state(folder, "second") == "ready")
    assert folder.status()["first"] == before
    await supervisor.stop()


@_in_a_loop
async def test_services_are_kept_while_the_disk_is_full_and_told_of_when_it_is_not(folder: StateFolder) -> None:
    full = asyncio.Event()

    def write(name: str, content: str) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        StateFolder.write(folder, name, content)

    folder.write = write  # type: ignore[method-assign]
    lives: list[str] = []
    supervisor = Supervisor(folder)
    supervisor.add([Service("store", _python(_SLEEP), prepare=lambda: lives.append("store"))])
    await _until(lambda: _state(folder, "store") == "ready")
    first = folder.status()["store"]["pid"]
    full.set()
    os.kill(first, signal.SIGKILL)
    await _until(lambda: len(lives) == 2)
    full.clear()
    await _until(lambda: folder.status()["store"]["pid"] not in (first, None) and _state(folder, "store") == "ready")
    await supervisor.stop()


@_in_a_loop
async def test_adding_again_revives_what_nobody_keeps_and_nothing_that_is_done(folder: StateFolder) -> None:
    lives: list[str] = []

    def service(name: str, *after: str, once: bool = False) -> Service:
        code = "" if once else _SLEEP
        return Service(name, _python(code), prepare=lambda: lives.append(name), after=after, once=once)

    migrate, worker, late = service("migrate", once=True), service("worker", "store"), service("late", "worker")
    supervisor = Supervisor(folder)
    supervisor.add([migrate, worker, late])  # the worker's keeper ends: it comes after nothing known
    await _until(lambda: _state(folder, "migrate") == "done")
    supervisor.add([service("store"), migrate, worker, late])
    await _until(lambda: _state(folder, "late") == "ready")
    assert lives == ["migrate", "store", "worker", "late"]
    await supervisor.stop()
    supervisor.add([worker])
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nobody keeps it again"
    assert _state(folder, "worker") == "stopped"


def test_one_supervisor_per_folder(folder: StateFolder) -> None:
    assert folder.supervisor() is None
    with folder.supervising():
        assert folder.supervisor() == os.getpid()
        with pytest.raises(LocalStackError, match="another supervisor"), folder.supervising():
            pass
    assert folder.supervisor() is None


def _written(path: Path) -> bool:
    return path.exists() and path.read_text() != ""
