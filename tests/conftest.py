"""Fixtures that every test may use."""

from tests.stack import stack

__all__ = ["stack"]
