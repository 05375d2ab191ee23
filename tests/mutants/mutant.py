"""The shape of a mutant."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A rule broken: in ``file``, ``was`` (found once) becomes ``now``."""

    file: str
    was: str
    now: str
