"""Changes: a record is their fold, late ones included, and each can be taken back."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import assume, example, given, strategies as st

from crmcore.kernel.change import Change, Sets, applied, diff, effective, inverse, replay, state_of
from crmcore.kernel.errors import Invalid
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.late import following, record_then
from crmcore.kernel.records import Record, kind_of, record

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
CANARY = "ada.lovelace@engines.example"


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field()
    takes: int = field(default=0)
    director: str | None = field(default=None, personal=True)


SHOOT = kind_of(Shoot)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "place": st.sampled_from(["Rome", "Oslo"]),
    "takes": st.integers(0, 3),
    "director": st.sampled_from([None, "Ana"]),
    "custom.region": st.sampled_from([None, "north", "south"]),
    "custom.tier": st.sampled_from([None, 1]),
    "external.films": st.sampled_from([None, "f-1"]),
}


def hour(number: int) -> datetime:
    """An instant: so many hours after the first one."""
    return START + timedelta(hours=number)


def change(version: int, at: int, what: str = "updated", **sets: Any) -> Change[Shoot]:  # noqa: ANN401 - any field's value
    """A change of the one shoot these tests know."""
    return Change(kind="shoot", id="shoot_1", version=version, what=what, sets=sets, at=hour(at))


@st.composite
def histories(draw: st.DrawFn) -> list[Change[Shoot]]:
    """The changes of a shoot by version; those after the first may be late, and share instants."""
    some = st.lists(st.sampled_from(sorted(VALUES)), unique=True)
    changes = [change(1, 0, "added", place="Rome", takes=1)]
    for version in range(2, draw(st.integers(2, 9))):
        sets = {name: draw(VALUES[name]) for name in draw(some)}
        changes.append(change(version, draw(st.integers(0, 6)), **sets))
    return changes


def kept_up(changes: list[Change[Shoot]]) -> list[Shoot]:
    """The record after each change, kept up one by one as a store does."""
    states: list[Shoot] = []
    for place, one in enumerate(changes):
        later = [other.sets for other in changes[:place] if other.order > one.order]
        told = attrs.evolve(one, sets=effective(one, later))
        states.append(applied(SHOOT, states[-1] if states else None, told))
    return states


@given(histories())
def test_keeping_up_one_by_one_is_the_fold_from_scratch(changes: list[Change[Shoot]]) -> None:
    """At every version, whatever came late: a late change sets what nothing later has set."""
    folds = [replay(SHOOT, changes[: place + 1]) for place in range(len(changes))]

    assert kept_up(changes) == folds


@given(histories(), st.randoms())
def test_the_fold_does_not_care_in_which_order_changes_are_given(changes: list[Change[Shoot]], chance: Any) -> None:  # noqa: ANN401
    """It is by ``(at, version)``."""
    shuffled = chance.sample(changes, len(changes))

    assert replay(SHOOT, shuffled) == replay(SHOOT, changes)


@given(histories(), histories())
def test_applying_a_diff_leads_from_one_state_to_the_other(
    one: list[Change[Shoot]], other: list[Change[Shoot]]
) -> None:
    """A diff holds everything that differs, and nothing else."""
    before, after = replay(SHOOT, one), replay(SHOOT, other)
    assert before is not None
    assert after is not None
    sets = diff(before, after)
    step = attrs.evolve(change(before.version + 1, 9), sets=sets)

    assert applied(SHOOT, before, step) == attrs.evolve(after, version=before.version + 1)
    assert (sets == {}) is (attrs.evolve(after, version=before.version) == before)


@given(histories())
def test_the_diff_to_nothing_makes_the_record(changes: list[Change[Shoot]]) -> None:
    """A new record differs from none in everything it holds."""
    made = replay(SHOOT, changes)
    assert made is not None

    assert applied(SHOOT, None, attrs.evolve(change(made.version, 0), sets=diff(None, made))) == made


@given(histories())
def test_the_inverse_takes_the_last_change_back(changes: list[Change[Shoot]]) -> None:
    """Every field it set is what it was; only the version has moved on."""
    ordered = [attrs.evolve(one, at=hour(place)) for place, one in enumerate(changes)]
    before = replay(SHOOT, ordered[:-1])
    assume(before is not None)
    assert before is not None
    back = inverse(before, ordered[-1], at=hour(20))
    now = replay(SHOOT, [*ordered, back])

    assert now == attrs.evolve(before, version=before.version + 2)
    assert (back.what, back.version) == ("undone", before.version + 2)


def test_a_custom_field_set_to_nothing_is_gone() -> None:
    """The two mappings hold no missing values."""
    shoot = applied(SHOOT, None, attrs.evolve(change(1, 0), sets={"place": "Rome", "custom.region": "north"}))
    bare = applied(SHOOT, shoot, attrs.evolve(change(2, 1), sets={"custom.region": None}))

    assert shoot.custom == {"region": "north"}
    assert bare.custom == {}
    assert diff(shoot, bare) == {"custom.region": None}


def test_no_changes_are_no_record() -> None:
    """Before its birth a record is absent."""
    assert replay(SHOOT, []) is None


def test_a_change_that_does_not_fit_its_kind_is_refused() -> None:
    """Unknown and missing fields, all at once."""
    with pytest.raises(Invalid) as error:
        applied(SHOOT, None, change(1, 0, colour="red"))

    assert [problem.path for problem in error.value.problems] == ["colour", "place"]


def test_a_constructor_that_fails_otherwise_is_refused_too() -> None:
    """A class of a host may check in its own way."""

    @record("fussy")
    class Fussy(Record):
        """Never satisfied."""

        def __attrs_post_init__(self) -> None:
            """Fail."""
            message = "not like this"
            raise TypeError(message)

    with pytest.raises(Invalid, match="not like this"):
        applied(kind_of(Fussy), None, Change(kind="fussy", id="fussy_1", version=1, what="added", sets={}, at=START))


def test_a_change_cannot_be_changed() -> None:
    """Nor what it sets: the log only grows."""
    sets = {"place": "Rome"}
    one = change(1, 0, **sets)
    sets["place"] = "Oslo"

    assert one.sets == {"place": "Rome"}
    assert attrs.evolve(one, seq=7).sets is one.sets
    assert hash(one) == hash(attrs.evolve(one))
    with pytest.raises(TypeError):
        one.sets["place"] = "Oslo"


def test_the_repr_of_a_change_names_fields_without_their_values() -> None:
    """They may be personal."""
    assert CANARY not in repr(change(1, 0, director=CANARY))
    assert "sets=<place, director>" in repr(change(1, 0, place="Rome", director=CANARY))


@pytest.mark.parametrize("given", [dict, FrozenMap, Sets])
def test_what_a_change_sets_shows_no_values_either(given: Any) -> None:  # noqa: ANN401 - a kind of mapping
    """However it is given, copied or pickled; asked for them, it has them all."""
    sets = attrs.evolve(change(1, 0), sets=given({"director": CANARY})).sets

    for one in (sets, copy.deepcopy(sets), pickle.loads(pickle.dumps(sets))):
        assert (repr(one), str(one)) == ("<director>", "<director>")
        assert one == {"director": CANARY}


def test_the_state_of_a_record_is_all_it_holds() -> None:
    """Its version included."""
    state = state_of(Shoot(id="shoot_1", place="Rome"))

    assert state == {
        "id": "shoot_1",
        "version": 1,
        "custom": FrozenMap(),
        "external": FrozenMap(),
        "tags": FrozenMap(),
        "deleted_at": None,
        "merged_into": None,
        "place": "Rome",
        "takes": 0,
        "director": None,
    }


@given(histories(), st.integers(0, 8))
def test_a_record_of_the_past_carries_the_version_of_today(changes: list[Change[Shoot]], at: int) -> None:
    """So an act on the past takes part in the optimistic lock."""
    now = replay(SHOOT, changes)
    assert now is not None
    then = record_then(SHOOT, changes, now, hour(at))
    past = replay(SHOOT, [one for one in changes if one.at <= hour(at)])
    assert past is not None

    assert then == attrs.evolve(past, version=now.version)


def test_there_is_no_record_before_its_birth() -> None:
    """The message says when that was."""
    changes = [change(1, 3, "added", place="Rome")]

    with pytest.raises(Invalid, match="at or after 2026-11-02T12:00:00"):
        record_then(SHOOT, changes, Shoot(id="shoot_1", place="Rome"), hour(2))


@example([change(1, 0, "added", place="Rome")], -1, 1)
@given(histories(), st.integers(-1, 8), st.integers(0, 3))
def test_what_follows_a_late_change_is_seen_as_it_was_and_as_it_would_be(
    changes: list[Change[Shoot]], at: int, takes: int
) -> None:
    """Each following change with the record it was made of, and the one it would have been made of."""
    late = change(len(changes) + 1, at, takes=takes)
    steps = list(following(SHOOT, changes, late))
    after = sorted((one for one in changes if one.order > late.order), key=lambda one: one.order)

    assert [step.change for step in steps] == (after if at >= 0 else [])
    for step in steps:
        was = replay(SHOOT, [one for one in changes if one.order < step.change.order])
        now = replay(SHOOT, [one for one in [*changes, late] if one.order < step.change.order])
        assert was is not None
        assert now is not None
        assert attrs.evolve(step.was, version=0) == attrs.evolve(was, version=0)
        assert attrs.evolve(step.now, version=0) == attrs.evolve(now, version=0)
