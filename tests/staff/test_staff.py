"""Staff profiles: an e-mail is one, and belongs to one profile, in whatever capitals."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crmcore import CRM, Duplicate, Invalid


def test_no_two_profiles_share_an_email(crm: CRM) -> None:
    """Capitals and blanks around it make no difference; it is kept as it was written."""
    ana = crm.staff.add(name="Ana", email=" Ana@Acme.example ")

    assert ana.email == "Ana@Acme.example"
    with pytest.raises(Duplicate):
        crm.staff.add(name="Anna", email="ANA@acme.example")
    ben = crm.staff.add(name="Ben")
    with pytest.raises(Duplicate):
        crm.staff.update(ben, email="ana@ACME.example")
    assert crm.staff.update(ana, email="ana@acme.example").email == "ana@acme.example"


@pytest.mark.parametrize("email", ["ana", "ana@", "@acme.example", "a b@acme.example", "a@b@c"])
@pytest.mark.parametrize(
    "act",
    [
        lambda crm, email: crm.staff.add(name="Ana", email=email),
        lambda crm, email: crm.staff.update(crm.staff.add(name="Ana"), email=email),
        lambda crm, email: crm.staff.upsert(("hr", "1"), name="Ana", email=email),
        lambda crm, email: crm.staff.load([{"id": "1", "name": "Ana", "email": email}], key="id", on_error="raise"),
    ],
    ids=["add", "update", "upsert", "load"],
)
def test_an_email_is_one(crm: CRM, act: Callable[[CRM, str], object], email: str) -> None:
    """However it comes in; the message does not show it."""
    with pytest.raises(Invalid, match="got '•••', expected an e-mail address") as error:
        act(crm, email)
    assert email not in str(error.value)
