"""What the pipeline looked like last Friday, and what we believed about it then."""

from datetime import timedelta

from crmcore import CRM
from crmcore.testing import TickingClock

clock = TickingClock("2026-11-09T09:00Z", timedelta(minutes=1))
crm = CRM(clock=clock, by="ana")

roof = crm.opportunities.add(name="Roof", amount=12_000)
gate = crm.opportunities.add(name="Gate", amount=3_000)

clock.now = "2026-11-12T15:00Z"
roof = crm.opportunities.advance(roof, to="proposal")

clock.now = "2026-11-16T10:00Z"  # on Monday we learn that the gate was lost on Thursday
crm.given(at="2026-11-12").opportunities.lose(gate, reason="competitor")

friday = "2026-11-13"
for title, view in {
    "now": crm,
    "last Friday": crm.as_of(friday),
    "last Friday, as we believed that day": crm.as_of(friday, known=friday),
}.items():
    report = view.analytics.pipeline()
    print(f"{title}: {report.open} open, {report.lost} lost, weighted {report.weighted_value}")

print("\nthe roof:")
for change in crm.history(roof):
    print(f"  {change.at:%d %b %H:%M}  {change.what} by {change.by}: {change.sets['stage']}")
