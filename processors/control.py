"""Control state of a workspace: versions of policy, rates and weights, as one partition has heard them so far."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from models.attribution import MODELS
from models.attribution.learned import Learned, Weights
from models.policy import DEFAULT_POLICY, Policy
from schemas.events.base import Message, as_date
from schemas.events.governance import ExchangeRateSet, IdentitySweepOrdered, PolicyChanged
from schemas.events.weights import WeightsVersion

OF_MONEY: tuple[type[Message], ...] = (PolicyChanged, ExchangeRateSet, WeightsVersion)
"""What credits and figures follow from."""
CONTROL_TYPES: tuple[type[Message], ...] = (*OF_MONEY, IdentitySweepOrdered)

MAX_DEPTH = 32
"""A policy is nested less. How deep Python can read depends on who calls; every stage must refuse the same ones."""

RATE_REACH_DAYS = 7
"""A day without a rate of its own takes the nearest earlier one up to this many days back."""


class Rate(msgspec.Struct, frozen=True, array_like=True):
    """One day's rate: decimal text, units of quote for one unit of base."""

    revision: int
    rate: str
    rate_id: str


STRETCH = 400
"""So many days of a pair's rates are kept together."""

Rates = dict[int, Rate]
"""By day, of one pair and stretch."""


class Control(msgspec.Struct, frozen=True):
    """Policies by version, rates by stretch and day, adopted weights by data-driven model and version.

    ``swept``: the last order to decide everybody anew. Bound: one entry per version, pair and day; of weights, those
    that some conversion may still be under. It is stored in parts (``parts_of``), each of which is small.
    """

    policies: dict[int, Policy] = {}
    rates: dict[str, Rates] = {}
    weights: dict[str, dict[int, Learned]] = {}
    swept: str = ""

    def policy_at(self, at: int) -> Policy:
        """The highest version whose ``applies_from`` is not after an instant; version 0 is the defaults in code."""
        if not self.policies:
            return DEFAULT_POLICY
        covering = [policy for policy in self.policies.values() if policy.applies_from <= at]
        return max(covering, key=lambda policy: policy.version, default=DEFAULT_POLICY)

    def rate_on(self, base: str, quote: str, day: int) -> Rate | None:
        """The rate of a day, else of the nearest earlier day within reach, else none."""
        for earlier in range(day, day - RATE_REACH_DAYS - 1, -1):
            known = self.rates.get(_stretch(f"{base}/{quote}", earlier))
            if known is not None and (rate := known.get(earlier)) is not None:
                return rate
        return None

    def weights_at(self, model: str, conversion_time: int) -> Learned | None:
        """The highest adopted version whose ``applies_from`` is not after a conversion, if any is."""
        if not (versions := self.weights.get(model)):
            return None
        covering = [one for one in versions.values() if one.applies_from <= conversion_time]
        return max(covering, key=lambda one: one.version, default=None)


EMPTY = Control()


def apply(control: Control, event: Message) -> Control:
    """Control state after a control record; the same object when it says nothing new."""
    if isinstance(event, PolicyChanged):
        if event.version in control.policies:
            return control
        return replace(
            control,
            policies={**control.policies, event.version: policy_of(event.document, event.version, event.applies_from)},
        )
    if isinstance(event, ExchangeRateSet):
        pair = f"{event.base}/{event.quote}"
        stretch = _stretch(pair, event.day)
        known = control.rates.get(stretch, {})
        held = known.get(event.day)
        if held is not None and held.revision >= event.revision:
            return control
        rate = Rate(event.revision, event.rate, f"{pair}/{as_date(event.day)}#{event.revision}")
        return replace(control, rates={**control.rates, stretch: {**known, event.day: rate}})
    if isinstance(event, WeightsVersion):
        before = control.weights.get(event.model, {})
        after = _not_superseded({event.version: _learned(event), **before}) if event.adopted else before
        return replace(control, weights={**control.weights, event.model: after}) if after != before else control
    if isinstance(event, IdentitySweepOrdered):
        return replace(control, swept=event.event_id) if event.event_id != control.swept else control
    raise TypeError(f"{type(event).__name__} is no control record")


Part = Policy | Rates | Learned


def parts_of(control: Control) -> dict[str, Part]:
    """What control state is made of but for ``swept``, by name: a part that did not change is the same object."""
    return {
        **{f"policies/{version}": policy for version, policy in control.policies.items()},
        **{f"rates/{stretch}": rates for stretch, rates in control.rates.items()},
        **{
            f"weights/{model}/{version}": learned
            for model, versions in control.weights.items()
            for version, learned in versions.items()
        },
    }


def of_parts(parts: Mapping[str, bytes], swept: str) -> Control:
    """Control state of its stored parts."""
    policies: dict[int, Policy] = {}
    rates: dict[str, Rates] = {}
    weights: dict[str, dict[int, Learned]] = {}
    for name, stored in parts.items():
        kind, _, rest = name.partition("/")
        match kind:
            case "policies":
                policies[int(rest)] = _decode_policy(stored)
            case "rates":
                rates[rest] = _decode_rates(stored)
            case _:
                model, _, version = rest.partition("/")
                weights.setdefault(model, {})[int(version)] = _decode_learned(stored)
    return Control(policies, rates, weights, swept)


def by_stretch(rates: Mapping[str, Rates]) -> dict[str, Rates]:
    """Rates by pair, as they were once stored, by stretch."""
    found: dict[str, Rates] = {}
    for pair, days in rates.items():
        for day, rate in days.items():
            found.setdefault(_stretch(pair, day), {})[day] = rate
    return found


# made here and not by the first threads (DECISIONS 28)
_decode_policy = msgspec.msgpack.Decoder(Policy).decode
_decode_rates = msgspec.msgpack.Decoder(Rates).decode
_decode_learned = msgspec.msgpack.Decoder(Learned).decode


def _stretch(pair: str, day: int) -> str:
    return f"{pair}/{day // STRETCH}"


def policy_of(document: str, version: int, applies_from: int) -> Policy:
    """The policy of a JSON document. Raises ``msgspec.MsgspecError`` when it is none that could be applied."""
    if _depth(document) > MAX_DEPTH:
        raise msgspec.ValidationError(f"nested more than {MAX_DEPTH} deep")
    rules = msgspec.json.decode(document or "{}", type=dict[str, Any])
    policy = msgspec.convert({**rules, "version": version, "applies_from": applies_from}, Policy)
    unknown = sorted({*policy.attribution_models, policy.optimizer_model} - {*MODELS})
    if unknown:
        raise msgspec.ValidationError(f"no attribution models: {', '.join(unknown)}; there are {', '.join(MODELS)}")
    return policy


_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|$)|[\[{\]}]', re.DOTALL)


def _depth(document: str) -> int:
    """How deep the brackets of a JSON text are nested, those in its strings aside."""
    depth = deepest = 0
    for found in _TEXT_OR_BRACKET.finditer(document):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        deepest = max(deepest, depth)
    return deepest


def _learned(event: WeightsVersion) -> Learned:
    weights: Weights = {}
    for one in event.weights:
        weights.setdefault(tuple(one.among), {})[one.channel] = one.weight
    return Learned(event.version, event.applies_from, weights)


def _not_superseded(versions: dict[int, Learned]) -> dict[int, Learned]:
    """Without those that a higher version, applying from no later, leaves no conversion to."""
    return {
        version: one
        for version, one in versions.items()
        if not any(other.version > version and other.applies_from <= one.applies_from for other in versions.values())
    }
