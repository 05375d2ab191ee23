"""The JSON form of an event says everything that the event says."""

import json

from hypothesis import given

from schemas.events.base import Event, Message
from streams.sources.json_events import from_json, to_json
from tests.property.messages import EVENT, MESSAGE


@given(EVENT)
def test_an_event_comes_back_from_its_json_form(event: Event) -> None:
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


@given(MESSAGE)
def test_every_message_has_a_json_form_valid_or_not(message: Message) -> None:
    form = json.loads(json.dumps(to_json(message)))
    assert form["type"] == type(message).__name__
    assert form.keys() - {"type"} == message.__dict__.keys()
