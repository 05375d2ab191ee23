"""What the stores are told of our environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.local import kafka, postgres
from streams.local.services import PLATFORM, wanted_services
from streams.local.state import StateFolder
from streams.settings import STORES, read_settings

SECRET = "nobody-but-us"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FINEACERS_WEBHOOK_SIGNING_KEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, SECRET)


def test_programs_that_prepare_a_store_see_no_secret(tmp_path: Path) -> None:
    said = tmp_path / "said"
    postgres._run(["/bin/sh", "-c", f"env > {said}"], None)
    for seen in (said.read_text(), kafka._run(["env"]).stdout):
        assert "PATH=" in seen
        assert SECRET not in seen


def test_stores_are_started_bare_and_the_platform_is_not(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.create()
    folder.assign(read_settings(state_dir=folder.path), STORES, ("worker-1", "worker-2", "effects"))
    folder.want((*STORES, *PLATFORM))
    services = wanted_services(folder)
    assert {service.name for service in services} == {*STORES, *PLATFORM}
    assert {service.name for service in services if service.bare} == {*STORES}
    assert SECRET not in repr(services)
