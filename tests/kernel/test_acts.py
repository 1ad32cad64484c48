"""Acts: pure functions bound to a desk once, keeping the signature readers and type checkers see."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Conflict, Invalid, NotAllowed
from crmcore.kernel import Change, Context, Desk, Lifecycle, Record, act, field, record
from crmcore.kernel.acts import act as bound

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = Lifecycle(initial=("planned",), moves={("planned", "wrap"): "wrapped", ("wrapped", "resume"): "planned"})


@record("shoot", lifecycle=("status", DAY))
class Shoot(Record):
    """A day of filming."""

    place: str = field()
    takes: int = field(default=0)
    status: str = field(default="planned", key=True)


@record("take")
class Take(Record):
    """One take."""

    number: int = field()


def plan(context: Context[None], *, place: str) -> Change[Shoot]:
    """Plan a day."""
    return context.created(Shoot, "planned", place=place)


def plan_with_take(context: Context[None], place: str, number: int = 1) -> tuple[Change[Shoot], Change[Take]]:
    """Plan a day and its first take."""
    return context.created(Shoot, "planned", place=place), context.created(Take, "added", number=number)


def wrap(shoot: Shoot, context: Context[None]) -> Change[Shoot]:
    """End the day."""
    DAY.after(shoot.status, "wrap")
    return context.changed(shoot, "wrapped", status="wrapped")


def film(shoot: Shoot, context: Context[None], *, takes: int) -> tuple[Change[Any], ...]:
    """Film some takes: one record for each."""
    if takes == 0:
        return ()
    made = [context.created(Take, "added", number=number) for number in range(1, takes)]
    return (context.changed(shoot, "filmed", takes=shoot.takes + takes), *made)


def break_off(shoot: Shoot, context: Context[None]) -> Change[Shoot]:
    """Lead to a state the lifecycle does not list."""
    return context.changed(shoot, "broken off", status="abandoned")


def stray(shoot: Shoot, context: Context[None]) -> Change[Any]:
    """Change a record of a kind the CRM does not have."""
    return Change(kind="stranger", id="stranger_1", version=2, what="strayed", sets={"x": 1}, at=context.at)


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    plan = act(plan)
    plan_with_take = act(plan_with_take)
    wrap = act(wrap)
    film = act(film)
    break_off = act(break_off)
    stray = act(stray)


@pytest.fixture
def crm(open_crm: Callable[..., CRM]) -> CRM:
    """A CRM that also knows shoots and takes."""
    return open_crm(kinds={Shoot: ShootDesk, Take: Desk})


@pytest.fixture
def shoots(crm: CRM) -> ShootDesk:
    """The desk of shoots."""
    desk = crm.shoots
    assert isinstance(desk, ShootDesk)
    return desk


def test_an_act_that_makes_a_record_gives_it_back(shoots: ShootDesk) -> None:
    """As it now stands."""
    rome = shoots.plan(place="Rome")

    assert (rome.place, rome.version, rome.status) == ("Rome", 1, "planned")
    assert shoots.get(rome.id) == rome


def test_an_act_takes_a_record_or_its_id(shoots: ShootDesk) -> None:
    """And gives back the record it became."""
    assert shoots.wrap(shoots.plan(place="Rome")).status == "wrapped"
    assert shoots.wrap(shoots.plan(place="Oslo").id).version == 2


def test_an_act_may_change_several_records(crm: CRM, shoots: ShootDesk) -> None:
    """In one commit, and in the order of its changes."""
    rome, take = shoots.plan_with_take("Rome", number=7)

    assert (rome.place, take.number) == ("Rome", 7)
    assert crm.history(rome)[0].commit == crm.history(take)[0].commit


def test_an_act_may_give_back_the_first_record_alone(crm: CRM) -> None:
    """Of those it makes; its signature says so."""
    method: Any = act(plan_with_take, first=True)
    rome = method(crm.shoots, "Rome")
    again = [method(crm.given(key="k").shoots, "Oslo") for _ in range(2)]

    assert (rome.place, len(crm.desk(Take).find())) == ("Rome", 2)
    assert again[0] == again[1]
    assert str(inspect.signature(method)) == "(desk, /, place: 'str', number: 'int' = 1) -> 'Shoot'"


@pytest.mark.parametrize(
    ("call", "problems"),
    [
        (lambda crm: crm.contacts.add(nane="x"), {"nane": "did you mean name?"}),
        (lambda crm: crm.contacts.add("Ada"), {"arguments": "give them by name"}),
        (lambda crm: crm.leads.capture(zzz="x", name="Ada"), {"zzz": "take it out; known: name, given_name"}),
        (lambda crm: crm.shoots.plan(plce="Rome"), {"place": "give place", "plce": "did you mean place?"}),
        (lambda crm: crm.shoots.plan_with_take("Rome", place="Oslo"), {"place": "give it once"}),
        (lambda crm: crm.shoots.plan_with_take("Rome", 1, 2), {"arguments": "give them by name"}),
        (lambda crm: crm.shoots.film("shoot_1"), {"takes": "give takes"}),
        (lambda crm: crm.shoots.film("shoot_1", takes=1, shoot="x"), {"shoot": "take it out; known: takes"}),
        (lambda crm: crm.opportunities.import_deal(stage="x"), {"name": "give name"}),
        (lambda crm: crm.opportunities.import_deal("Roof"), {"arguments": "give them by name", "name": "give name"}),
    ],
)
def test_a_call_that_does_not_fit_an_act_is_refused(crm: CRM, call: Any, problems: dict[str, str]) -> None:  # noqa: ANN401
    """Every argument that is missing, unknown or given twice is named; values are not shown."""
    with pytest.raises(Invalid) as error:
        call(crm)
    assert [problem.path for problem in error.value.problems] == [*problems]
    for problem in error.value.problems:
        assert problem.mend.startswith(problems[problem.path])
        assert "Rome" not in str(problem)


@pytest.mark.parametrize("takes", [0, 1, 3])
def test_an_act_may_change_any_number_of_records(shoots: ShootDesk, takes: int) -> None:
    """It gives back a tuple, also of one, or of none."""
    rome = shoots.plan(place="Rome")
    found = shoots.film(rome, takes=takes)

    assert isinstance(found, tuple)
    assert len(found) == takes


@pytest.mark.parametrize("takes", [1, 2])
def test_an_act_done_again_under_its_key_gives_the_same_again(crm: CRM, takes: int) -> None:
    """In the same shape, and writes nothing."""
    rome = crm.shoots.plan(place="Rome")
    once = crm.given(key="k").shoots.film(rome, takes=takes)
    again = crm.given(key="k").shoots.film(rome, takes=takes)

    assert once == again
    assert len(crm.history(rome)) == 2


def test_an_act_without_annotations_works_too(open_crm: Callable[..., CRM]) -> None:
    """Several records come back as a tuple, one as itself."""

    def extend(shoot, context):  # noqa: ANN001, ANN202
        return context.changed(shoot, "extended", takes=9)

    class Extending(Desk[Shoot]):
        """The shoots, extended."""

        go_on = act(extend)

    crm = open_crm(kinds={Shoot: Extending})
    rome = crm.shoots.add(place="Rome")

    assert crm.given(key="k").shoots.go_on(rome) == crm.given(key="k").shoots.go_on(rome)


def test_a_bound_act_keeps_what_readers_look_for() -> None:
    """Name, docstring, module, the pure act, and a signature without the context."""
    assert (ShootDesk.film.__name__, ShootDesk.film.__doc__, ShootDesk.film.__module__) == (
        *("film", "Film some takes: one record for each.", __name__),
    )
    assert inspect.unwrap(ShootDesk.film) is film
    assert str(inspect.signature(ShootDesk.wrap)) == "(desk, shoot: 'Shoot | str', /) -> 'Shoot'"
    assert str(inspect.signature(ShootDesk.plan)) == "(desk, /, *, place: 'str') -> 'Shoot'"
    assert str(inspect.signature(ShootDesk.plan_with_take)) == (
        "(desk, /, place: 'str', number: 'int' = 1) -> 'tuple[Shoot, Take]'"
    )


def test_annotations_may_be_the_types_themselves() -> None:
    """As in a module without postponed annotations."""

    def extend(shoot, context):  # noqa: ANN001, ANN202
        return context.changed(shoot, "extended")

    extend.__annotations__ = {"shoot": Shoot, "return": Change[Shoot]}
    told = inspect.signature(bound(extend))

    assert told.parameters["shoot"].annotation.endswith("Shoot | str")
    assert told.return_annotation.endswith("Shoot")
    assert "Change" not in told.return_annotation


def no_context(shoot: Shoot) -> Change[Shoot]:
    """An act that could not know the time."""
    raise NotImplementedError


def late_context(shoot: Shoot, takes: int, context: Context[None]) -> Change[Shoot]:
    """An act with its context in third place."""
    raise NotImplementedError


def hidden_context(shoot: Shoot, *, context: Context[None]) -> Change[Shoot]:
    """An act that takes its context by name."""
    raise NotImplementedError


@pytest.mark.parametrize("pure", [no_context, late_context, hidden_context, functools.partial(wrap), "wrap", None])
def test_an_act_has_its_context_first_or_second(pure: Any) -> None:  # noqa: ANN401 - what a host might bind
    """The refusal comes when the desk is built, and says what an act looks like."""
    with pytest.raises(Invalid, match=r"write \(record, context, \.\.\.\)"):
        bound(pure)


def test_an_act_never_leads_to_a_state_its_lifecycle_does_not_list(shoots: ShootDesk) -> None:
    """Though the act says so."""
    rome = shoots.plan(place="Rome")

    with pytest.raises(Invalid, match="status: got 'abandoned', expected one of planned, wrapped"):
        shoots.break_off(rome)
    assert shoots.get(rome.id) == rome


def test_an_act_on_a_kind_the_crm_does_not_have_is_refused(shoots: ShootDesk) -> None:
    """With a mend."""
    with pytest.raises(Invalid, match="kind: got 'stranger', expected one of account, affiliation"):
        shoots.stray(shoots.plan(place="Rome"))


def test_an_act_in_the_past_must_leave_what_followed_possible(crm: CRM, clock: Any) -> None:  # noqa: ANN401
    """By the lifecycle of the kind: the move must lead from both states."""
    clock.now = "2026-11-02T09:00Z"
    rome = crm.shoots.plan(place="Rome")
    clock.now = "2026-11-04T09:00Z"
    rome = crm.shoots.wrap(rome)

    with pytest.raises(NotAllowed, match=r"can't have been wrapped at 2026-11-03.*it was wrapped after that"):
        crm.given(at="2026-11-03").shoots.wrap(rome)
    assert crm.given(at="2026-11-03").shoots.film(rome, takes=1)[0].takes == 1


def test_what_an_act_would_change_can_be_seen_first(crm: CRM, shoots: ShootDesk) -> None:
    """Checked but not written, for a commit of several acts."""
    rome = shoots.plan(place="Rome")
    changes = [*shoots.propose(wrap, rome), *shoots.propose(plan, None, place="Oslo")]
    assert [change.what for change in changes] == ["wrapped", "planned"]
    assert shoots.find().items == (rome,)

    crm.commit(changes)
    assert [shoot.status for shoot in shoots.find()] == ["wrapped", "planned"]


def test_an_act_on_a_stale_record_is_a_conflict(shoots: ShootDesk) -> None:
    """Nothing is written."""
    rome = shoots.plan(place="Rome")
    now = shoots.wrap(rome)

    with pytest.raises(Conflict, match="you read version 1, it is now 2"):
        shoots.film(rome, takes=1)
    assert shoots.get(rome.id) == now
