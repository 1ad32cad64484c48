"""What a type checker must conclude about desks and acts; read by mypy, never run."""

from __future__ import annotations

from typing import assert_type

from crmcore import CRM, Account, F, Money, Opportunity, Staff
from crmcore.kernel import Change, Context, Desk, Record, act, field, record
from crmcore.kernel.page import Page
from crmcore.sales import OpportunityDesk


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field(key=True)
    takes: int = field(default=0)


@record("take")
class Take(Record):
    """One take."""

    number: int = field()


def film(shoot: Shoot, context: Context[None], *, takes: int) -> Change[Shoot]:
    """Film some takes."""
    return context.changed(shoot, "filmed", takes=shoot.takes + takes)


def plan(context: Context[None], *, place: str) -> Change[Shoot]:
    """Plan a day."""
    return context.created(Shoot, "planned", place=place)


def slate(shoot: Shoot, context: Context[None]) -> tuple[Change[Shoot], Change[Take]]:
    """Begin a take."""
    return context.changed(shoot, "slated", takes=shoot.takes + 1), context.created(Take, "added", number=1)


def split(shoot: Shoot, context: Context[None], days: int) -> tuple[Change[Shoot], ...]:
    """Make several days of one."""
    return tuple(context.created(Shoot, "split", place=shoot.place) for _ in range(days))


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    film = act(film)
    plan = act(plan)
    slate = act(slate)
    split = act(split)


def acts_on_deals_give_back_deals(crm: CRM, deal: Opportunity) -> None:
    """Whether they were given the record or its id."""
    assert_type(crm.opportunities, OpportunityDesk)
    assert_type(crm.opportunities.add(name="Roof", amount=Money("5", "EUR")), Opportunity)
    assert_type(crm.opportunities.import_deal(name="Roof", dated=False), Opportunity)
    assert_type(crm.opportunities.advance(deal, to="proposal"), Opportunity)
    assert_type(crm.opportunities.advance(deal.id, to="proposal"), Opportunity)
    assert_type(crm.opportunities.win(deal), Opportunity)
    assert_type(crm.opportunities.lose(deal, reason="price"), Opportunity)
    assert_type(crm.opportunities.reopen(deal, stage="proposal"), Opportunity)
    assert_type(crm.opportunities.amend(deal, amount=5), Opportunity)
    assert_type(crm.opportunities.update(deal, name="New roof"), Opportunity)
    assert_type(crm.opportunities.upsert(("erp", "7"), name="Roof"), Opportunity)
    assert_type(crm.opportunities.delete(deal), Opportunity)
    assert_type(crm.opportunities.restore(deal.id), Opportunity)


def what_does_not_fit_an_act_is_refused(crm: CRM, deal: Opportunity, account: Account) -> None:
    """A misspelt argument, a missing one, one of another type, a record of another kind."""
    crm.opportunities.advance(deal, too="proposal")  # type: ignore[call-arg]
    crm.opportunities.advance(deal)  # type: ignore[call-arg]
    crm.opportunities.advance(deal, "proposal")  # type: ignore[call-arg]
    crm.opportunities.advance(deal, to=5)  # type: ignore[arg-type]
    crm.opportunities.advance(account, to="proposal")  # type: ignore[arg-type]
    crm.opportunities.win()  # type: ignore[call-arg]
    crm.opportunities.lose(deal, reason="price", notes="x")  # type: ignore[call-arg]
    crm.opportunities.add(nam="Roof")  # type: ignore[call-arg]
    crm.opportunities.add(name="Roof", amount=[5])  # type: ignore[arg-type]
    crm.accounts.update(deal, name="Acme")  # type: ignore[arg-type]


def reading_gives_back_what_the_desk_holds(crm: CRM) -> None:
    """One record, or a page of them."""
    assert_type(crm.opportunities.get("opportunity_1"), Opportunity)
    assert_type(crm.opportunities.find(F.amount >= 5, order_by="amount"), Page[Opportunity])
    assert_type(crm.opportunities.find()[0], Opportunity)
    assert_type(crm.opportunities.find()[:2], tuple[Opportunity, ...])
    assert_type(crm.opportunities.first(), Opportunity | None)
    assert_type(crm.opportunities.external("erp", "7"), Opportunity | None)
    assert_type(crm.opportunities.history("opportunity_1"), tuple[Change[Opportunity], ...])
    assert_type([deal.amount for deal in crm.opportunities.each()], list[Money | None])
    assert_type(crm.accounts.get("account_1"), Account)
    assert_type(crm.staff.add(name="Ana"), Staff)


def a_kind_of_ones_own_has_a_typed_desk(crm: CRM, shoots: ShootDesk, rome: Shoot) -> None:
    """By its class; and its acts keep their signatures."""
    assert_type(crm.desk(Shoot), Desk[Shoot])
    assert_type(crm.desk(Shoot).add(place="Rome"), Shoot)
    assert_type(crm.desk(Shoot).get("shoot_1").takes, int)
    assert_type(shoots.film(rome, takes=3), Shoot)
    assert_type(shoots.plan(place="Rome"), Shoot)
    assert_type(shoots.slate("shoot_1"), tuple[Shoot, Take])
    assert_type(shoots.split(rome, 3), tuple[Shoot, ...])
    shoots.film(rome, take=3)  # type: ignore[call-arg]
    shoots.film(Take(id="take_1", number=1), takes=3)  # type: ignore[arg-type]
    Shoot(id="shoot_1", plce="Rome")  # type: ignore[call-arg]
    rome.place = "Oslo"  # type: ignore[misc]
    crm.desk("shoot")  # type: ignore[arg-type]


def a_view_is_a_crm(crm: CRM) -> None:
    """Under other circumstances, or of another moment."""
    assert_type(crm.given(by="ana"), CRM)
    assert_type(crm.as_of("2026-11-13"), CRM)
    with crm as opened:
        assert_type(opened, CRM)
    crm.given(buy="ana")  # type: ignore[call-arg]
