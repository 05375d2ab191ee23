"""Where somebody may be, and whose laws may apply to them."""

from __future__ import annotations

import pytest
from phonenumbers import geocoder, parse, region_code_for_number

from models.consent.jurisdiction import jurisdictions_of
from models.consent.places import country_code
from models.consent.zones import Zones, zones_of
from models.local_time import zone_names
from schemas.events.base import Region

MIAMI, PENSACOLA, BERLIN, DUBAI, TORONTO = (
    "+13052345678", "+18504345678", "+493012345678", "+971501234567", "+14162345678"
)  # fmt: skip


def test_the_zone_that_the_profile_names_counts_before_all_else() -> None:
    assert zones_of("Asia/Dubai", "US", MIAMI, "USA") == Zones(("Asia/Dubai",), "explicit")
    assert zones_of("Asia/Calcutta", None, None, "IND") == Zones(("Asia/Kolkata",), "explicit")


@pytest.mark.parametrize("time_zone", ["", "Dubai", "EST5", "localtime", "Factory", "Etc/Unknown", "../Asia/Dubai"])
def test_what_is_no_zone_is_as_if_it_were_not_named(time_zone: str) -> None:
    assert zones_of(time_zone, "AE", None, "UAE") == Zones(("Asia/Dubai",), "country")
    assert zones_of(time_zone, None, None, "UAE") == Zones((), "unknown")


def test_the_phone_counts_before_the_country() -> None:
    assert zones_of(None, "United Arab Emirates", BERLIN, "UAE") == Zones(("Europe/Berlin",), "phone")
    assert zones_of(None, None, "+919876543210", "USA") == Zones(("Asia/Kolkata",), "phone")


def test_national_numbers_are_those_of_the_home_region() -> None:
    assert zones_of(None, None, "050 123 4567", "UAE") == Zones(("Asia/Dubai",), "phone")
    assert zones_of(None, None, "98765 43210", "IND") == Zones(("Asia/Kolkata",), "phone")
    assert zones_of(None, None, "(305) 234-5678", "USA") == Zones(("America/New_York",), "phone")
    assert zones_of(None, None, "030 12345678", "EUR") == Zones((), "unknown")


@pytest.mark.parametrize("phone", [PENSACOLA, "+18505550123", "+14485550123"])
def test_an_area_code_across_two_zones_may_be_in_either_whatever_the_exchange(phone: str) -> None:
    assert zones_of(None, None, phone, "USA").names == ("America/Chicago", "America/New_York")


def test_a_toll_free_number_may_be_anywhere_in_north_america() -> None:
    names, source = zones_of(None, "US", "+18002345678", "USA")
    assert source == "phone"
    assert len(names) > 40
    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "Pacific/Guam"} < set(names)
    assert names == tuple(sorted(names))


@pytest.mark.parametrize("phone", ["nobody", "", "12", "+15555550123", "+80012345678", "+881612345678"])
def test_a_number_of_no_place_leaves_it_to_the_country(phone: str) -> None:
    assert zones_of(None, "IN", phone, "USA") == Zones(("Asia/Kolkata",), "country")
    assert zones_of(None, None, phone, "USA") == Zones((), "unknown")


def test_a_country_gives_all_its_zones() -> None:
    assert zones_of(None, "India", None, "USA").names == ("Asia/Kolkata",)
    assert zones_of(None, "DE", None, "USA").names == ("Europe/Berlin", "Europe/Busingen")
    assert {"America/New_York", "Pacific/Honolulu"} < set(zones_of(None, "US", None, "UAE").names)


@pytest.mark.parametrize("country", [None, "", "unknown", "Asia/Pacific Region", "EU", "ZZ", "001"])
def test_of_whom_nothing_is_known_there_is_no_zone(country: str | None) -> None:
    for region in ("UAE", "IND", "USA", "EUR"):
        assert zones_of(None, country, None, region) == Zones((), "unknown")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("AE", "AE"), ("ae", "AE"), ("UAE", "AE"), ("ARE", "AE"), (" united arab emirates ", "AE"), ("USA", "US"),
        ("United States", "US"), ("UK", "GB"), ("Turkey", "TR"), ("Türkiye", "TR"), ("Cote d'Ivoire", "CI"),
        ("Trinidad & Tobago", "TT"), ("Trinidad and Tobago", "TT"), ("Hong Kong", "HK"), ("SU", None), ("world", None),
        ("European Union", None),
    ],
)  # fmt: skip
def test_countries_are_known_by_code_and_english_name(text: str, code: str | None) -> None:
    assert country_code(text) == code


def test_all_zones_of_all_numbers_and_countries_are_zones() -> None:
    for area in range(200, 1_000):
        assert set(zones_of(None, None, f"+1{area}2345678", "USA").names) <= zone_names()
    assert all(zones_of(None, code, None, "USA").names for code in ("RU", "AU", "CA", "BR", "KZ", "ID", "MN", "CL"))


@pytest.mark.parametrize(
    ("country", "phone", "region", "laws"),
    [
        ("AE", None, "USA", ("UAE",)),
        (None, DUBAI, "USA", ("UAE",)),
        ("India", DUBAI, "USA", ("IND", "UAE")),
        ("US", None, "UAE", ("USA",)),
        ("US", MIAMI, "UAE", ("US-FL",)),
        ("Germany", MIAMI, "USA", ("EUR", "US-FL")),
        (None, PENSACOLA, "USA", ("US-FL",)),
        (None, "+12122345678", "IND", ("USA",)),
        (None, "+18002345678", "IND", ("USA",)),
        (None, "+17872345678", "IND", ("USA",)),
        ("GB", None, "USA", ("EUR",)),
        ("Switzerland", None, "USA", ("EUR",)),
        ("NO", None, "USA", ("EUR",)),
        (None, TORONTO, "IND", ("IND",)),
        ("US", TORONTO, "IND", ("IND", "USA")),
        ("Kuwait", None, "UAE", ("UAE",)),
        (None, None, "EUR", ("EUR",)),
        ("nowhere", "nobody", "IND", ("IND",)),
        (None, "+80012345678", "UAE", ("UAE",)),
        (None, "(305) 234-5678", "USA", ("US-FL",)),
    ],
)
def test_the_laws_of_the_phone_and_of_the_country_apply(
    country: str | None, phone: str | None, region: Region, laws: tuple[str, ...]
) -> None:
    assert jurisdictions_of(country, phone, region) == laws


def test_floridas_area_codes_are_those_that_the_geocoder_places_there() -> None:
    for area in range(200, 1_000):
        number = parse(f"+1{area}2345678")
        place = geocoder.description_for_number(number, "en")
        in_florida = region_code_for_number(number) == "US" and (place == "Florida" or place.endswith(", FL"))
        assert (jurisdictions_of(None, f"+1{area}2345678", "USA") == ("US-FL",)) is in_florida, area
