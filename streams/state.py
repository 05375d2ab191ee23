"""A key's state as bytes: one msgpack record of its slices with their versions, its timers, its region."""

from __future__ import annotations

from threading import Lock
from typing import Any

import msgspec

from processors.base import Step
from streams.stage import KeyState, Stage


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    slices: dict[str, tuple[int, msgspec.Raw]]
    timers: dict[str, tuple[int, int]]
    generation: int
    region: str
    since: int = 0
    """Stored before it was kept: the region stays what it is."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Stored)
_making_decoders = Lock()
"""Two threads that make the first decoder of a type at once crash the process (DECISIONS 28)."""


class StateCodec:
    """Encodes and decodes the composite state of one stage's keys."""

    def __init__(self, stage: Stage) -> None:
        self._steps = {step.name: step for step in stage.steps if step.slice is not None}
        with _making_decoders:
            self._decoders = {
                name: msgspec.msgpack.Decoder(step.slice) for name, step in self._steps.items() if step.slice
            }

    def encode(self, state: KeyState) -> bytes:
        """The stored form of a state; equal states give equal bytes."""
        slices = {
            name: (self._steps[name].version, msgspec.Raw(_encoder.encode(state.slices[name])))
            for name in self._steps
            if name in state.slices
        }
        timers = dict(sorted(state.timers.items()))
        return _encoder.encode(_Stored(slices, timers, state.generation, state.region, state.since))

    def decode(self, data: bytes) -> KeyState:
        """The state of stored bytes, older slice versions brought up to date."""
        stored = _decoder.decode(data)
        slices = {
            name: self._slice(self._steps[name], version, raw)
            for name, (version, raw) in stored.slices.items()
            if name in self._steps
        }
        return KeyState(slices, stored.timers, stored.generation, stored.region, stored.since)

    def _slice(self, step: Step, version: int, raw: msgspec.Raw) -> Any:
        data: bytes | msgspec.Raw = raw
        if version != step.version:
            if step.upcast is None:
                raise ValueError(f"step {step.name}: stored slice version {version}, code {step.version}, no upcast")
            data = step.upcast(version, bytes(raw))
        return self._decoders[step.name].decode(data)


def timers_in(state: bytes) -> dict[str, tuple[int, int]]:
    """The timers of a stored state, as name → (due, generation): what the timer index is rebuilt from."""
    return _decoder.decode(state).timers
