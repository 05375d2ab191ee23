"""Jars: only the locked bytes are ever used, and an interrupted download goes on where it ended."""

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from streams.local.jars import Jar, fetch, locked_jars, missing
from streams.local.state import LocalStackError

_CONTENT = {"one": b"first jar", "two": b"second jar"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def jars() -> tuple[Jar, ...]:
    """Two jars as a lock states them."""
    lines = (f"org.example:{name}:1.0 {hashlib.sha256(data).hexdigest()}" for name, data in _CONTENT.items())
    return locked_jars("# comment\n" + "\n".join(lines))


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A Maven repository on this machine with both jars; its folder is `tmp_path / "repository"`."""
    folder = tmp_path / "repository"
    for name, data in _CONTENT.items():
        place = folder / f"org/example/{name}/1.0"
        place.mkdir(parents=True)
        (place / f"{name}-1.0.jar").write_bytes(data)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_committed_lock_is_complete() -> None:
    jars = locked_jars()
    assert len(jars) == 46
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
    assert {jar.version for jar in jars if jar.artifact == "kafka_2.13"} == {"4.2.2"}


def test_downloads_verify_and_resume(jars: tuple[Jar, ...], repository: str, tmp_path: Path) -> None:
    cache, seen = tmp_path / "cache", list[str]()
    fetch(jars[:1], cache, repository, lambda jar: seen.append(jar.artifact))
    assert missing(jars, cache) == jars[1:]
    fetch(missing(jars, cache), cache, repository, lambda jar: seen.append(jar.artifact))
    assert seen == ["one", "two"]
    assert missing(jars, cache) == ()


def test_a_jar_that_changed_in_the_cache_is_missing(jars: tuple[Jar, ...], repository: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fetch(jars, cache, repository, lambda jar: None)
    jars[0].path(cache).write_bytes(b"tampered")
    assert missing(jars, cache) == jars[:1]


def test_a_wrong_jar_is_refused_and_not_kept(jars: tuple[Jar, ...], repository: str, tmp_path: Path) -> None:
    (tmp_path / "repository/org/example/one/1.0/one-1.0.jar").write_bytes(b"something else")
    cache = tmp_path / "cache"
    with pytest.raises(LocalStackError, match=r"one-1\.0\.jar is not the locked file: its SHA-256 is"):
        fetch(jars[:1], cache, repository, lambda jar: None)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_an_unknown_jar_says_what_to_do(repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.local.jars._TRIES", 1)
    absent = Jar("org.example", "three", "1.0", "00" * 32)
    with pytest.raises(LocalStackError, match=r"cannot download three-1\.0\.jar.*FINEACERS_MAVEN_REPOSITORY"):
        fetch([absent], tmp_path / "cache", repository, lambda jar: None)


def test_plain_http_is_refused(jars: tuple[Jar, ...], tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="not https"):
        fetch(jars, tmp_path, "http://repository.example", lambda jar: None)
