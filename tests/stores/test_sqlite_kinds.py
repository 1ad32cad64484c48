"""A kind whose declaration changes between two openings of a file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crmcore import CRM, Duplicate, F, Invalid
from crmcore.kernel import Record, field, record


def opened(tmp_path: Path, cls: type[Record]) -> CRM:
    """The same file, with another declaration of the kind."""
    return CRM(tmp_path / "crm.db", kinds=[cls])


def shoot(**declared: Any) -> type[Record]:  # noqa: ANN401 - what field takes
    """A record class of the kind ``shoot``."""

    @record("shoot")
    class Shoot(Record):
        """A day of filming."""

        place: str | None = field(default=None, **declared)
        rate: Decimal | None = field(default=None, key=True, scale=declared.get("scale", 6))

    return Shoot


def test_a_key_that_was_none_for_a_while_is_derived_anew(tmp_path: Path) -> None:
    """What was written meanwhile is found, and what it was before is not."""
    with opened(tmp_path, shoot(key=True)) as crm:
        rome = crm.shoots.add(place="Rome")
    with opened(tmp_path, shoot()) as crm:
        crm.shoots.update(rome.id, place="Oslo")
    with opened(tmp_path, shoot(key=True)) as crm:
        assert (crm.shoots.count(F.place == "Oslo"), crm.shoots.count(F.place == "Rome")) == (1, 0)
        assert crm.verify()


def test_a_decimal_key_of_another_scale_is_derived_anew(tmp_path: Path) -> None:
    """A scaled integer means another number then."""
    with opened(tmp_path, shoot()) as crm:
        crm.shoots.add(rate="2.5")
    with opened(tmp_path, shoot(scale=2)) as crm:
        assert crm.shoots.count(F.rate == Decimal("2.5")) == 1
        assert crm.verify()


def test_what_becomes_unique_is_claimed(tmp_path: Path) -> None:
    """By the records that are there already."""
    with opened(tmp_path, shoot()) as crm:
        crm.shoots.add(place="Rome", external={"erp": "7"})
        crm.shoots.delete(crm.shoots.add(place="Rome"))
    with opened(tmp_path, shoot(unique=True)) as crm:
        with pytest.raises(Duplicate):
            crm.shoots.add(place="Rome")
        assert crm.shoots.external("erp", "7") is not None
        assert crm.verify()


def test_words_are_those_of_the_fields_that_are_searchable_now(tmp_path: Path) -> None:
    """Of live records of every tenant, whatever was declared when they were written."""
    with opened(tmp_path, shoot()) as crm:
        crm.shoots.add(place="Rome")
        crm.shoots.delete(crm.shoots.add(place="Rome"))
        crm.given(tenant="other").shoots.add(place="Romeo")
    with opened(tmp_path, shoot(searchable=True)) as crm:
        (rome,) = crm.search("rome")
        (romeo,) = crm.given(tenant="other").search("rome")
        assert (rome.place, romeo.place) == ("Rome", "Romeo")  # type: ignore[attr-defined]
        crm.shoots.add(place="Oslo")
        assert crm.verify()
    with opened(tmp_path, shoot()) as crm:
        with pytest.raises(Invalid, match="searchable"):
            crm.search("rome", kinds=["shoot"])
        assert crm.search("rome") == ()
        crm.shoots.update(rome.id, place="Bari")
        assert crm.verify()
    with opened(tmp_path, shoot(searchable=True)) as crm:
        assert [one.id for one in (*crm.search("rome"), *crm.search("bari"))] == [rome.id]
        assert len(crm.search("oslo")) == 1
        assert crm.verify()


def test_what_is_shared_can_not_become_unique(tmp_path: Path) -> None:
    """Both records are named, and nothing has changed."""
    with opened(tmp_path, shoot()) as crm:
        crm.shoots.add(place="Rome")
        crm.shoots.add(place="Rome")
    with pytest.raises(Invalid, match="a value of its own"):
        opened(tmp_path, shoot(unique=True))
    with opened(tmp_path, shoot()) as crm:
        assert crm.shoots.count() == 2


def test_a_field_that_is_required_since_is_no_damage(tmp_path: Path) -> None:
    """The mend is a default, not a backup."""

    @record("shoot")
    class Shoot(Record):
        """A day of filming, by a known crew."""

        crew: str = field()
        place: str | None = None
        rate: Decimal | None = field(default=None, key=True)

    with opened(tmp_path, shoot()) as crm:
        rome = crm.shoots.add(place="Rome")
    with opened(tmp_path, Shoot) as crm, pytest.raises(Invalid, match="give the field a default"):
        crm.shoots.get(rome.id)
