"""What a type checker must conclude about the front door for asyncio; read by mypy, never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_type

from crmcore import CRM, AsyncCRM, Lead, Opportunity
from crmcore.async_crm import AsyncCall
from crmcore.kernel import Record


async def views_and_blocks_are_the_same_crm(crm: AsyncCRM) -> None:
    """With the arguments of the plain one."""
    assert_type(crm.given(by="ana", key="k"), AsyncCRM)
    assert_type(crm.as_of("2026-11-13", known="2026-11-13"), AsyncCRM)
    assert_type(await crm.given(by="ana"), AsyncCRM)
    async with crm.given(by="ana").batch() as batch, crm.suppose() as what_if:
        assert_type(batch, AsyncCRM)
        assert_type(what_if, AsyncCRM)
    crm.given(bye="ana")  # type: ignore[call-arg]
    crm.as_of(5)  # type: ignore[arg-type]


async def desks_take_and_give_anything(crm: AsyncCRM) -> None:
    """But what was not awaited is no record."""
    assert_type(await crm.leads.get("lead_1"), Any)
    assert_type(crm.leads.get("lead_1"), AsyncCall)
    assert_type([lead async for lead in crm.leads.each()], list[Any])
    crm.leads.get("lead_1").status  # type: ignore[attr-defined]


def names(crm: CRM, leads: Sequence[Lead], *, upper: bool) -> list[str]:
    """Something to run."""
    return [str(crm.leads.get(lead.id).name).upper() if upper else "" for lead in leads]


async def what_is_run_has_exact_types(crm: AsyncCRM, leads: list[Lead]) -> None:
    """Arguments and results alike."""
    assert_type(await crm.run(lambda crm: crm.leads.get("lead_1")), Lead)
    assert_type(await crm.run(lambda crm: crm.opportunities.advance("opportunity_1", to="proposal")), Opportunity)
    assert_type(await crm.run(CRM.search, "ada", limit=5), tuple[Record, ...])
    assert_type(await crm.run(names, leads, upper=True), list[str])
    await crm.run(names, leads)  # type: ignore[call-arg]
    await crm.run(lambda crm: crm.opportunities.advance("opportunity_1", too="proposal"))  # type: ignore[call-arg]
