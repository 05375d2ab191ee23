"""Where what a stage puts out goes: topics, inboxes, keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from schemas.codec import encode, forward
from schemas.events.base import Event, Message
from schemas.events.effects import Effect
from schemas.events.routing import Accepted, Prefix
from schemas.topics import ACCEPTED_PREFIX, FACT_TOPIC, PLATFORM_TOPIC, TOPICS
from streams.records import OutRecord
from streams.stage import Emitted, Stage


@dataclass(frozen=True)
class Router:
    """Knows, from the stages' declarations alone, who takes what.

    ``partitions`` says how many an inbox has where it is not the declared number.
    """

    stages: Sequence[Stage]
    partitions: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _takers(self) -> dict[object, list[Stage]]:
        """The stages that take a type, as something to process or as a control record, in order."""
        types = {type_ for stage in self.stages for type_ in (*stage.consumes, *stage.controls)}
        return {t: [stage for stage in self.stages if t in stage.consumes or t in stage.controls] for t in types}

    def emitted(self, stage: Stage, emitted: Emitted) -> Iterable[OutRecord]:
        """An event: once to its type's topic, and a copy to each stage that consumes it and has not seen it yet."""
        event = emitted.event
        topic = PLATFORM_TOPIC.get(type(event))
        takers = self._takers.get(type(event), [])
        if emitted.handed_on and type(event) not in stage.controls:
            takers = [taker for taker in takers if taker is not stage]
        if topic is None and not takers:
            return  # it was for later steps of its own stage
        value = encode(event)
        if topic is not None:
            yield OutRecord(topic.name, topic.key_of(event), value)
        for taker in takers:
            if type(event) in taker.controls:
                yield from self._to_all(taker, event, value)
            else:
                inbox = taker.inputs[0]
                yield OutRecord(inbox, inbox_key(inbox, event), value)

    def forwarded(self, stage: Stage, prefix: Prefix | None, fact: Event, raw: bytes) -> Iterable[OutRecord]:
        """A fact behind a prefix: to ``accepted.*`` once it is accepted, and to each stage that takes it so.

        Behind a prefix of the kind that a stage's own facts have it only changes keys within that stage. A fact that
        is nobody's goes to no lead. What has no prefix goes to the key and stage that it is addressed to.
        """
        if prefix is None:
            assert isinstance(fact, Effect), "nothing else is passed on bare"
            (taker,) = (taker for taker in self.stages if taker.name == fact.reply_stage)
            yield OutRecord(taker.inputs[0], f"{fact.workspace_id}/{fact.reply_key}", raw)
            return
        value = forward(prefix, raw)
        if type(prefix) is stage.carries:
            inbox = stage.inputs[0]
            yield OutRecord(inbox, inbox_key(inbox, fact, prefix), value)
            return
        if isinstance(prefix, Accepted):
            name = ACCEPTED_PREFIX + FACT_TOPIC[type(fact)].name
            whose = prefix.lead_id or ":".join(str(getattr(fact, part)) for part in fact.natural_key)
            yield OutRecord(name, f"{fact.workspace_id}/{whose}", value)
        for taker in self.stages:
            inbox = taker.inputs[0]
            if taker.carries is not type(prefix) or type(fact) not in taker.consumes:
                continue
            is_nobodys = getattr(prefix, TOPICS[inbox].key[0], "") is None
            if not is_nobodys:
                yield OutRecord(inbox, inbox_key(inbox, fact, prefix), value)

    def broadcast(self, fact: Event, raw: bytes) -> Iterable[OutRecord]:
        """A control record: to every partition of each stage that holds such."""
        for taker in self.stages:
            if type(fact) in taker.controls:
                yield from self._to_all(taker, fact, raw)

    def _to_all(self, taker: Stage, control: Event, value: bytes) -> Iterable[OutRecord]:
        inbox = TOPICS[taker.inputs[0]]
        for partition in range(self.partitions.get(inbox.name, inbox.partitions)):
            yield OutRecord(inbox.name, f"{control.workspace_id}/", value, partition)


def inbox_key(inbox: str, event: Message, prefix: Prefix | None = None) -> str:
    """The key of a record in an inbox: the workspace and the fields that the inbox is keyed by."""
    names = TOPICS[inbox].key
    holder = prefix if prefix is not None and hasattr(prefix, names[0]) else event
    return f"{event.workspace_id}/" + ":".join([str(getattr(holder, name)) for name in names])  # type: ignore[attr-defined]
