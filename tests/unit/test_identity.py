"""Identifiers: one form each, one keyed hash each."""

import pytest

from models.identity import hashes, normalise
from schemas.events.leads import LeadCaptured
from tests.property.oracles.identity import hash_of, lead_of
from tests.support.facts import fact
from tests.support.runs import IDENTITY_KEY


@pytest.mark.parametrize(
    ("kind", "value", "region", "wanted"),
    [
        ("email", "  Ada@Example.COM ", "UAE", ("email", "ada@example.com")),
        ("email", "ada", "UAE", None),
        ("email", "@example.com", "UAE", None),
        ("email", "ada@", "UAE", None),
        ("phone", "050 123 4567", "UAE", ("phone", "+971501234567")),
        ("phone", "+971501234567", "IND", ("phone", "+971501234567")),
        ("phone", "00971501234567", "UAE", ("phone", "+971501234567")),
        ("phone", "0501234567", "EUR", None),
        ("phone", "call me", "UAE", None),
        ("wa_id", "971501234567", "USA", ("phone", "+971501234567")),
        ("wa_id", "+971501234567", "USA", ("phone", "+971501234567")),
        ("wa_id", "user-17", "UAE", ("wa_id", "user-17")),
        ("cookie_id", " c-1 ", "UAE", ("cookie_id", "c-1")),
        ("cookie_id", "   ", "UAE", None),
        ("wa_id", " ", "UAE", None),
        ("wa_id", "+", "UAE", None),
        ("crm_id", "--", "UAE", None),
        ("crm_id", " ٧ ", "UAE", ("crm_id", "٧")),
        ("click_id", "?", "UAE", None),
    ],
)
def test_normal_forms(kind: str, value: str, region: str, wanted: tuple[str, str] | None) -> None:
    assert normalise(kind, value, region) == wanted


def test_best_identifier_comes_first_and_a_whatsapp_number_is_the_phone() -> None:
    values = {"cookie_id": "c", "phone": "+971501234567", "wa_id": "971501234567", "crm_id": "7"}
    assert list(hashes(IDENTITY_KEY, "acme", "UAE", values.get).values()) == ["crm_id", "phone", "cookie_id"]


def test_hash_is_hmac_under_a_key_derived_for_the_workspace() -> None:
    (found,) = hashes(IDENTITY_KEY, "acme", "UAE", {"email": "Ada@example.com"}.get)
    assert found == hash_of(IDENTITY_KEY, "acme", "email", "ada@example.com")
    assert found != hash_of(IDENTITY_KEY, "other", "email", "ada@example.com")
    captured = fact(LeadCaptured, occurred_at="3-1", channel="web", email="ada@example.com")
    assert lead_of(IDENTITY_KEY, captured) == found
