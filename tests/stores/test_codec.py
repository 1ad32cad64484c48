"""The codec: what is written is read again, and what was not written here is refused."""

from __future__ import annotations

from typing import Any

import pytest

from crmcore.kernel.errors import Corrupt, Invalid
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.stores.codec import decode, decode_sets, encode, encode_sets
from crmcore.testing.specimens import PARCEL, Parcel

SETS: dict[str, Any] = {"label": "a", "pieces": 3, "code": None, "external.shop": "7", "custom": FrozenMap()}


def test_what_is_set_is_read_again() -> None:
    """Plain values, missing ones, members, and a whole mapping."""
    assert decode_sets(PARCEL, encode_sets(PARCEL, SETS)) == SETS


def test_a_record_is_read_again() -> None:
    """With members and without."""
    parcel = Parcel(id="parcel_1", version=2, label="a", pieces=3, external=FrozenMap({"shop": "7"}))
    assert decode(PARCEL, "parcel_1", 2, encode(PARCEL, parcel)) == parcel


@pytest.mark.parametrize("text", ['{"label":"a"} {}', '{"label":"a"}x', "", "[]", "7"])
def test_what_is_no_single_object_is_refused(text: str) -> None:
    """Also when it begins like one."""
    with pytest.raises(Corrupt):
        decode(PARCEL, "parcel_1", 1, text)
    with pytest.raises(Corrupt):
        decode_sets(PARCEL, text)


@pytest.mark.parametrize("value", [1.5 + 2j, object(), float("nan"), {1, 2}])
def test_what_json_can_not_hold_is_refused(value: object) -> None:
    """Without saying what it was."""
    with pytest.raises(Invalid, match="values of the declared types"):
        encode_sets(PARCEL, {"label": value})
