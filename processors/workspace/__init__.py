"""Workspace: what is learned from all journeys of a tenant. Keyed by workspace."""

from processors.base import Step, TimerFired, Visit
from processors.workspace.solve import Learning, solve
from schemas.events.governance import PolicyChanged
from schemas.events.weights import PathCounted, WeightsVersion

STEPS = (Step("solve", solve, consumes=(PathCounted, TimerFired, Visit), emits=(WeightsVersion,), slice=Learning),)

CONTROLS = (PolicyChanged,)
