"""A kind of record of your own: a class, two acts and a desk, and it has everything the others have."""

from crmcore import CRM, F
from crmcore.kernel import Change, Context, Desk, Record, act, field, record
from crmcore.testing import TickingClock


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field(key=True, searchable=True)
    takes: int = field(default=0, minimum=0)
    wrapped: bool = field(default=False, key=True, by_act=True)


def film(shoot: Shoot, context: Context[None], *, takes: int) -> Change[Shoot]:
    """Film some takes."""
    return context.changed(shoot, "filmed", takes=shoot.takes + takes)


def wrap(shoot: Shoot, context: Context[None]) -> Change[Shoot]:
    """End the day."""
    return context.changed(shoot, "wrapped", wrapped=True)


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    film = act(film)
    wrap = act(wrap)


for store in (None, "shoots.db"):
    clock = TickingClock("2026-11-09T09:00Z")
    with CRM(store, kinds={Shoot: ShootDesk}, clock=clock, by="ana") as crm:
        rome = crm.shoots.add(place="Rome, Cinecittà")
        clock.now = "2026-11-13T17:00Z"
        rome = crm.shoots.wrap(crm.shoots.film(rome, takes=3))
        crm.notes.add(rome, "rain after lunch")  # notes, tags and touchpoints go on any record

        print(crm.desk(Shoot).find(F.wrapped == True).items[0].place)  # noqa: E712 - a Desk[Shoot] to a type checker
        print(
            [change.what for change in crm.history(rome)], "on Thursday:", crm.as_of("2026-11-12").shoots.first().takes
        )
        print("found:", [shoot.place for shoot in crm.search("cinecitta")])
        crm.undo(crm.history(rome)[-1].commit)
        print("still open:", crm.shoots.count(F.wrapped == False))  # noqa: E712
