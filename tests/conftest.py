"""Fixtures that every test may use."""

import pytest

from tests.stack import stack

__all__ = ["stack"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden``: write what the golden cases give now, to be read as a diff."""
    parser.addoption("--update-golden", action="store_true", help="write the golden outputs anew")
