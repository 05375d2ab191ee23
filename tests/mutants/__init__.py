"""Rules that matter, each broken in one way, by name."""

from tests.mutants import attribution, contact, identity, leads, running, stores
from tests.mutants.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    **attribution.MUTANTS,
    **identity.MUTANTS,
    **leads.MUTANTS,
    **contact.MUTANTS,
    **running.MUTANTS,
    **stores.MUTANTS,
}
