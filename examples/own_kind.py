"""A kind of record of your own: a class, two acts, and it has storage, history and filters."""

from crmcore import CRM, F
from crmcore.kernel import Change, Context, Desk, Record, act, field, record


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
    with CRM(store, kinds={Shoot: ShootDesk}, by="ana") as crm:
        rome = crm.shoots.add(place="Rome")
        rome = crm.shoots.wrap(crm.shoots.film(rome, takes=3))
        print(rome.place, rome.takes, crm.shoots.count(F.wrapped == True), [c.what for c in crm.history(rome)])  # noqa: E712
