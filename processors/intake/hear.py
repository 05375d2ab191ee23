"""What came of an effect goes back to whoever asked for it: the one thing that intake lets in and that is no fact."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from processors.base import Context, DeadLetter, Forward, Output, Received
from schemas.codec import CodecError, decode
from schemas.events.effects import EffectDone
from schemas.reasons import reason_of
from schemas.topics import PLATFORM_TOPIC

_RESULTS = PLATFORM_TOPIC[EffectDone].name


def hear(_: None, received: Received, ctx: Context) -> tuple[None, Sequence[Output]]:
    """Pass a result on, its bytes unchanged, to the stage and key that it is addressed to; facts are left alone."""
    if received.topic != _RESULTS:
        return None, ()
    try:
        message = decode(received.raw).message
        if not isinstance(message, EffectDone):
            return None, [DeadLetter("wrong_topic", f"{type(message).__name__} in {_RESULTS}: it belongs elsewhere")]
        return None, [Forward(None, EffectDone.model_validate(message.__dict__))]
    except CodecError as error:
        return None, [DeadLetter(error.reason, error.detail)]
    except ValidationError as error:
        return None, [DeadLetter(*reason_of(error))]
