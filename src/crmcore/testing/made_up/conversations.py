"""Touchpoints: calls, e-mails, meetings and visits to the website."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.sheet import Plan, Row, Sheet, working_day

__all__ = ["touchpoints"]

CHANNELS = ("phone", "email", "email", "email", "meeting", "web")
TOPICS = ("pricing", "demonstration", "contract", "delivery", "support", "renewal", "newsletter", "introduction")


def touchpoints(chance: Chance, people: Sequence[Row], interested: Sequence[Row], until: date, plan: Plan) -> Sheet:
    """Conversations by time, in office hours: some people are spoken to again and again, some never."""
    everybody = chance.shuffled([*people, *interested])
    partners = [everybody[chance.below(1 + chance.below(len(everybody)))] for _ in range(plan.rows)]
    times = sorted((_time(chance, partner, until), partner["id"]) for partner in partners)
    return Sheet([_touchpoint(chance, number, *time, who) for number, (time, who) in enumerate(times, 1)], plan)


def _time(chance: Chance, partner: Row, until: date) -> tuple[date, int]:
    """A working day since they are known, and the minutes since midnight."""
    known = date.fromisoformat(partner.get("since") or partner["captured"])
    day = until - timedelta(days=chance.skewed(90) % (1 + (until - known).days))
    return working_day(day), 8 * 60 + 5 * chance.below(10 * 12)


def _touchpoint(chance: Chance, number: int, day: date, minutes: int, partner: str) -> Row:
    channel = chance.pick(CHANNELS)
    return {
        "id": f"T-{number:04}",
        "record": partner,
        "channel": channel,
        "direction": "inbound" if channel == "web" or chance.percent(40) else "outbound",
        "topic": chance.pick(TOPICS),
        "happened": f"{day}T{minutes // 60:02}:{minutes % 60:02}:00{_offset(day)}",
    }


def _offset(day: date) -> str:
    """Central European time; clocks change on the last Sundays of March and October, at night."""
    summer = _last_sunday(day.year, 3) <= day < _last_sunday(day.year, 10)
    return "+02:00" if summer else "+01:00"


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)
