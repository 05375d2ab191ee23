"""The broker's jars: downloaded once into the shared cache, verified against the committed lock before each use."""

import hashlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from streams.local.state import LocalStackError

_AT_ONCE = 8
_TRIES = 3
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def address(self) -> str:
        """Path inside a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.artifact}-{self.version}.jar"

    def path(self, cache: Path) -> Path:
        """Place in the cache."""
        return cache / "jars" / self.address


def locked_jars(text: str | None = None) -> tuple[Jar, ...]:
    """The jars of `kafka.jars.lock` (or of `text` in the same form), in the order of the class path."""
    lines = (text if text is not None else files(__package__).joinpath("kafka.jars.lock").read_text()).splitlines()
    jars = []
    for line in lines:
        if line and not line.startswith("#"):
            coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def missing(jars: Iterable[Jar], cache: Path) -> tuple[Jar, ...]:
    """Those that are not in the cache with exactly the locked content."""
    return tuple(jar for jar in jars if not _is_good(jar, jar.path(cache)))


def fetch(jars: Iterable[Jar], cache: Path, repository: str | None, done: Callable[[Jar], None]) -> None:
    """Download jars, several at once; `done` is called after each one, from a thread.

    A download appears in the cache only when it is complete and its checksum is right, so an interrupted run goes on
    where it ended.

    Args:
        jars: what `missing` gave.
        cache: the shared cache folder.
        repository: base address of a Maven repository; None: the usual one.
        done: for showing progress.

    Raises:
        LocalStackError: a jar cannot be had or is not the locked one.
    """
    base = (repository or _usual_repository()).rstrip("/")

    def one(jar: Jar) -> None:
        _download(jar, f"{base}/{jar.address}", jar.path(cache))
        done(jar)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for future in [pool.submit(one, jar) for jar in jars]:
            try:
                future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _usual_repository() -> str:
    try:
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - may be missing
    except ImportError as error:
        raise LocalStackError(
            "the package jgo, which knows the jars' repository, is not installed: "
            "install requirements.lock, or set FINEACERS_MAVEN_REPOSITORY"
        ) from error
    return str(MAVEN_CENTRAL_URL)


def _download(jar: Jar, url: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        for attempt in range(1, _TRIES + 1):
            try:
                with _open(url) as response, partial.open("wb") as file:
                    while chunk := response.read(1 << 18):
                        file.write(chunk)
                break
            except (OSError, HTTPException) as error:
                if isinstance(error, HTTPError):
                    error.close()
                if attempt == _TRIES:
                    raise LocalStackError(
                        f"cannot download {jar.artifact}-{jar.version}.jar: {error}. Check the network and run the "
                        "command again (it goes on where it ended), or set FINEACERS_MAVEN_REPOSITORY to a mirror"
                    ) from error
                time.sleep(attempt)
        if not _is_good(jar, partial):
            raise LocalStackError(
                f"{jar.artifact}-{jar.version}.jar is not the locked file: its SHA-256 is {_sha256(partial)}, "
                f"streams/local/kafka.jars.lock says {jar.sha256}. It was thrown away; do not use this repository"
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _open(url: str) -> Any:
    if not url.startswith(("https://", "http://127.0.0.1")):
        raise LocalStackError(f"{url} is not https: set FINEACERS_MAVEN_REPOSITORY to an address that is")
    return urlopen(url, timeout=_TIMEOUT_SECONDS)  # noqa: S310 - the scheme was just checked


def _is_good(jar: Jar, path: Path) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
