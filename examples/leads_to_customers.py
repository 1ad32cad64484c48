"""From a lead to a customer: captured, qualified, converted; what if, and take it back."""

from crmcore import CRM, F, Money
from crmcore.testing import TickingClock

crm = CRM(clock=TickingClock("2026-11-09T09:00Z"), by="ana")

lead = crm.leads.capture(name="Ada Lovelace", company="Analytical Engines", email="ada@engines.example")
crm.touchpoints.log(lead, channel="phone", direction="inbound", topic="pricing")
crm.tags.put("VIP", lead)

lead = crm.leads.qualify(lead.id)
account, contact, deal = crm.leads.convert(lead, amount=Money("12000", "USD"))
print(account.name, "|", contact.name, "|", deal.amount)
print("touchpoints of the contact:", len(crm.touchpoints.of(contact)))
print("VIPs:", [one.name for one in crm.contacts.find(F.tags.contains("vip"))])
print("again:", crm.leads.convert(lead) == (account, contact, deal))

with crm.suppose() as what_if:
    what_if.opportunities.win(deal)
    print("if we win it:", what_if.analytics.pipeline().won_value, "| as it is:", crm.analytics.pipeline().won_value)

with crm.batch() as batch:  # one commit: all of it, or nothing
    order = batch.orders.add(customer=account, ordered_on="2026-11-09", lines=[{"name": "Day", "price": 1_200}])
    batch.notes.add(account, "first order")
crm.undo(crm.history(order)[-1].commit)
print("orders:", crm.orders.count(), "| notes:", crm.notes.count())

lead = crm.leads.revert_conversion(lead.id)
print(lead.status, "|", crm.contacts.count(), "contacts")
