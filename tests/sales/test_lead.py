"""Leads: who has shown interest, and how far they are from buying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from crmcore import CRM, F, Invalid, Lead, NotAllowed
from crmcore.sales.lead import LIFECYCLE

if TYPE_CHECKING:
    from crmcore.testing import TickingClock


@pytest.fixture
def lead(crm: CRM) -> Lead:
    """A lead somebody captured at a webinar."""
    return crm.leads.capture(
        name="Ada Lovelace", company="Analytical Engines", email="ada@engines.example", source="webinar"
    )


def test_a_lead_is_captured_as_new(crm: CRM, lead: Lead) -> None:
    """With everything that is known of it."""
    assert (lead.status, lead.name, lead.source, lead.version) == ("new", "Ada Lovelace", "webinar", 1)
    assert [change.what for change in crm.history(lead)] == ["captured"]
    assert crm.leads.find(F.status == "new").items == (lead,)


def test_to_add_a_lead_is_to_capture_it(crm: CRM) -> None:
    """So that upsert and load do."""
    assert crm.history(crm.leads.add(company="Acme"))[0].what == "captured"
    known = crm.leads.upsert(("forms", "7"), email="a@b.example")
    assert crm.history(known)[0].what == "captured"
    assert crm.leads.upsert(("forms", "7"), phone="1234567").version == 2


def test_the_name_is_made_of_its_parts(crm: CRM) -> None:
    """Unless it is given."""
    assert crm.leads.capture(given_name="Ada", family_name="Lovelace").name == "Ada Lovelace"
    assert crm.leads.capture(family_name="Lovelace").name == "Lovelace"
    assert crm.leads.capture(name="Countess", given_name="Ada").name == "Countess"


@pytest.mark.parametrize(
    "fields", [{}, {"source": "webinar"}, {"name": ""}, {"name": " "}, {"emails": {}}, {"given_name": 7}]
)
def test_a_lead_nobody_can_know_is_refused(crm: CRM, fields: dict[str, Any]) -> None:
    """A name, a company, an e-mail or a phone is needed."""
    with pytest.raises(Invalid, match="to know the lead by"):
        crm.leads.capture(**fields)
    assert crm.leads.count() == 0


def test_an_update_leaves_something_to_know_a_lead_by(crm: CRM, lead: Lead) -> None:
    """Also when all but one is taken away, one by one."""
    lead = crm.leads.update(lead, name=None, company=None)

    with pytest.raises(Invalid, match="to know the lead by"):
        crm.leads.update(lead, email=None)
    labelled = crm.leads.update(lead, email=None, emails={"home": "a@b.example"})
    with pytest.raises(Invalid, match="to know the lead by"):
        crm.leads.update(labelled, emails={"home": None})
    lead = crm.leads.update(labelled, email="a@b.example", emails={"home": None})
    assert crm.leads.update(lead, email=None, phone="1234567").phone == "1234567"


def test_blanks_say_nothing(crm: CRM) -> None:
    """A company of blanks is none."""
    lead = crm.leads.capture(name="Ada", company=" ", source="")
    assert (lead.company, lead.source) == (None, None)
    assert crm.leads.update(lead, job_title="  ").version == 1


def test_an_address_is_one(crm: CRM, lead: Lead) -> None:
    """Plainly: one @, and a digit in a number."""
    with pytest.raises(Invalid) as error:
        crm.leads.capture(email="ada", phones={"home": "none"}, consents={"email": "maybe"})
    assert {problem.path for problem in error.value.problems} == {"email", "phones.home", "consents.email"}
    with pytest.raises(Invalid, match=r"emails\.home"):
        crm.leads.update(lead, emails={"home": "@"})


def test_a_lead_says_what_it_allows(crm: CRM, lead: Lead) -> None:
    """By act, with its time; never by update."""
    lead = crm.leads.consent(lead, channel="email", granted=True)
    assert (lead.consents, crm.history(lead)[-1].what) == ({"email": "granted"}, "opted in")
    lead = crm.leads.consent(lead, channel="email", granted=False)
    assert (lead.consents, crm.history(lead)[-1].what) == ({"email": "withdrawn"}, "opted out")
    with pytest.raises(NotAllowed, match="update can't write consents"):
        crm.leads.update(lead, consents={"email": "granted"})


def test_a_lead_goes_its_way(crm: CRM, lead: Lead) -> None:
    """New, working, qualified; or away, and back."""
    assert crm.leads.work(lead).status == "working"
    assert crm.leads.qualify(lead.id).status == "qualified"
    assert crm.leads.recycle(lead.id).status == "recycled"
    gone = crm.leads.disqualify(lead.id, reason="a student")
    assert (gone.status, gone.disqualified_reason) == ("disqualified", "a student")
    back = crm.leads.recycle(gone)
    assert (back.status, back.disqualified_reason) == ("recycled", None)
    assert crm.leads.work(back).status == "working"


def test_what_is_not_possible_names_what_is(crm: CRM, lead: Lead) -> None:
    """Only declared moves succeed."""
    with pytest.raises(NotAllowed, match="cannot recycle from 'new'; possible: work, qualify, disqualify") as error:
        crm.leads.recycle(lead)
    assert error.value.possible == ("work", "qualify", "disqualify")
    with pytest.raises(NotAllowed, match="update can't write status"):
        crm.leads.update(lead, status="qualified")


@pytest.mark.parametrize("reason", ["", " ", None, 7, "\x00"])
def test_a_disqualified_lead_says_why(crm: CRM, lead: Lead, reason: Any) -> None:  # noqa: ANN401
    """In words."""
    with pytest.raises(Invalid, match="reason"):
        crm.leads.disqualify(lead, reason=reason)


def test_the_past_of_a_lead_must_stay_possible(crm: CRM, lead: Lead, clock: TickingClock) -> None:
    """What is learnt late fits between what is known."""
    clock.now = "2026-11-06T09:00Z"
    crm.leads.qualify(lead.id)
    clock.now = "2026-11-09T09:00Z"

    crm.given(at="2026-11-04").leads.work(lead.id)
    assert crm.as_of("2026-11-05").leads.get(lead.id).status == "working"
    assert crm.leads.get(lead.id).status == "qualified"
    with pytest.raises(NotAllowed, match="would not have been possible"):
        crm.given(at="2026-11-05").leads.qualify(lead.id)


def test_the_lifecycle_is_data() -> None:
    """It can be drawn, and converted leads stay converted."""
    assert LIFECYCLE.possible("converted") == ()
    assert "qualified --> converted: convert" in LIFECYCLE.to_mermaid()


class LeadMachine(RuleBasedStateMachine):
    """Any acts in any order: what the table lists succeeds, everything else names what would."""

    def __init__(self) -> None:
        super().__init__()
        self.crm = CRM()
        self.lead = self.crm.leads.capture(name="Ada")

    @rule(move=st.sampled_from(["work", "qualify", "disqualify", "recycle", "convert"]))
    def act(self, move: str) -> None:
        """Do something with the lead."""
        possible = LIFECYCLE.possible(self.lead.status)
        desk = self.crm.leads
        acts: dict[str, Any] = {
            "work": lambda: desk.work(self.lead),
            "qualify": lambda: desk.qualify(self.lead),
            "disqualify": lambda: desk.disqualify(self.lead, reason="no"),
            "recycle": lambda: desk.recycle(self.lead),
            "convert": lambda: desk.convert(self.lead) and desk.get(self.lead.id),
        }
        if move in possible or (move, self.lead.status) == ("convert", "converted"):
            status = self.lead.status if move == "convert" and not possible else LIFECYCLE.after(self.lead.status, move)
            self.lead = acts[move]()
            assert self.lead.status == status
            return
        with pytest.raises(NotAllowed) as error:
            acts[move]()
        assert error.value.possible == possible

    @invariant()
    def the_store_agrees(self) -> None:
        """What was refused left no trace."""
        assert self.crm.leads.get(self.lead.id) == self.lead


TestLeadMachine = LeadMachine.TestCase
TestLeadMachine.settings = settings(stateful_step_count=20, max_examples=25)
