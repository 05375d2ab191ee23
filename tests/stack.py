"""The three real servers for tests, benches and chaos scripts, in a folder of their own.

In a test, take the fixture `stack`; it is started once per run. In a script: `with local_stack() as settings:`.
Child processes reach the same servers with FINEACERS_STATE_DIR set to `settings.state_dir`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.local import stack as servers
from streams.settings import STORES, Settings, Store, read_settings


@contextmanager
def local_stack(*stores: Store) -> Iterator[Settings]:
    """Start the named stores (default: all), yield their settings, stop them and delete their data.

    They also stop when the calling process is killed.
    """
    folder = Path(tempfile.mkdtemp(prefix="fineacers-"))
    settings = read_settings(state_dir=folder)
    try:
        yield servers.start(settings, stores or STORES, bound_to_caller=True).settings
    finally:
        servers.stop(settings, delete_data=True)
        shutil.rmtree(folder, ignore_errors=True)  # what tests have put there


@pytest.fixture(scope="session")
def stack() -> Iterator[Settings]:
    """Settings of Kafka, PostgreSQL and ClickHouse, running and empty at the start of the test run."""
    with local_stack() as settings:
        yield settings
