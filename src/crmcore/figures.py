"""Figures: draws columns from the store, as of any day, and hands them to ``crmcore.analytics``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.ports import Moment, Store
from crmcore.kernel.records import Record
from crmcore.people import AccountDesk
from crmcore.playbook import Playbook
from crmcore.sales import Opportunity, OpportunityDesk, Pipeline, ProductDesk, stage_history
from crmcore.staff import StaffDesk

if TYPE_CHECKING:
    from crmcore.analytics import PipelineReport, StageOrder

__all__ = ["Figures", "Source"]


class Source(Protocol):
    """What figures are drawn from: a CRM, or a view of its past."""

    @property
    def opportunities(self) -> OpportunityDesk:
        """The deals."""
        ...

    @property
    def accounts(self) -> AccountDesk:
        """The accounts."""
        ...

    @property
    def products(self) -> ProductDesk:
        """The products."""
        ...

    @property
    def staff(self) -> StaffDesk:
        """The staff profiles."""
        ...

    @property
    def playbook(self) -> Playbook:
        """How the business works."""
        ...

    def as_of(self) -> Source:
        """The same CRM as it is now."""
        ...

    def context(self, department: str) -> Context[Any]:
        """The circumstances of an act; here, what time it is."""
        ...

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def moment(self) -> Moment:
        """When to read."""
        ...


class Figures:
    """The figures of a CRM, or of a view of its past.

    Args:
        crm: The CRM.
    """

    def __init__(self, crm: Source) -> None:
        self._crm = crm

    def pipeline(
        self,
        *,
        pipeline: str | None = None,
        period: str | None = None,
        by: str | None = None,
        currency: str | None = None,
    ) -> PipelineReport:
        """Report on a pipeline: value, win rate, cycle, velocity, stages.

        Args:
            pipeline: The pipeline; default: the playbook's first.
            period: Restricts closed deals to those closed in it and the cohort to those opened in it: ``"2026-Q3"``.
            by: Also report for each ``owner``, ``account`` or ``product``.
            currency: The currency to report in; default: the playbook's.

        Raises:
            Invalid: The pipeline, the period or the currency is unknown.
            MixedCurrency: Amounts are in several currencies, and the playbook has no rates.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> deal = crm.opportunities.win(crm.opportunities.add(name="Roof", amount=12_000))
            >>> crm.analytics.pipeline().won_value
            Money('12000.00', 'USD')
        """
        from crmcore.analytics import StageOrder, pipeline as report
        from crmcore.kernel.calendar import period as calendar_period

        now = self._crm.context("sales").at  # and with it, what another process adopted meanwhile
        playbook = self._crm.playbook
        name = pipeline or playbook.sales.pipeline().name
        every = list(self._crm.opportunities.each())
        deals = [deal for deal in every if deal.pipeline == name]
        order = StageOrder.of(self._line(name, deals).stages)
        made = report(
            self._columns(deals),
            visits=self._visits(deals, order),
            stages=order,
            at=self._crm.moment.at or now,
            period=None if period is None else calendar_period(period, zone=playbook.zone, fiscal=playbook.fiscal_year),
            by=by,
            currency=currency or playbook.currency,
            rates=playbook.rates if playbook.rates.rates else None,
            zone=playbook.zone,
        )
        return made if len(deals) == len(every) else _without(made, len(every) - len(deals))

    def _line(self, name: str, deals: Iterable[Opportunity]) -> Pipeline:
        """The pipeline as it was; as it is now, where deals were dated back into what was not there yet."""
        then = self._crm.playbook.sales
        for line in then.pipelines:
            stages = {stage.name for stage in line.open_stages}
            if line.name == name and all(deal.status != "open" or deal.stage in stages for deal in deals):
                return line
        return self._crm.as_of().playbook.sales.pipeline(name)

    def _columns(self, deals: list[Opportunity]) -> dict[str, list[Any]]:
        """The deals as columns, with the names of who and what they refer to."""
        plain = ("id", "status", "stage", "opened_at", "closed_at", "amount", "probability")
        columns: dict[str, list[Any]] = {name: [getattr(deal, name) for deal in deals] for name in plain}
        desks: dict[str, Desk[Any]] = {
            "owner": self._crm.staff,
            "account": self._crm.accounts,
            "product": self._crm.products,
        }
        for name, desk in desks.items():
            ids = [getattr(deal, name) for deal in deals]
            named = _named(self._crm.store.get(desk.kind, {id for id in ids if id is not None}).values())
            columns[name] = [None if id is None else named.get(id, id) for id in ids]
        return columns

    def _visits(self, deals: list[Opportunity], order: StageOrder) -> dict[str, list[Any]]:
        """The stays of deals in stages, as columns; without those in stages that were taken away since.

        Deals whose history is not known have none.
        """
        moment = self._crm.moment
        known = {deal.id for deal in deals}
        histories: dict[str, list[Change[Any]]] = {}
        for change in self._crm.store.changes(kind="opportunity", upto=moment.cut):
            if change.id in known and (moment.at is None or change.at <= moment.at):
                histories.setdefault(change.id, []).append(change)
        columns: dict[str, list[Any]] = {"deal": [], "stage": [], "entered_at": [], "left_at": []}
        for id, changes in histories.items():
            history = stage_history(changes)
            for visit in history.visits if history.known else ():
                if order.outcome(visit.stage) is None:
                    continue
                columns["deal"].append(id)
                columns["stage"].append(visit.stage)
                columns["entered_at"].append(visit.entered_at)
                columns["left_at"].append(visit.left_at)
        return columns


def _without(report: PipelineReport, others: int) -> PipelineReport:
    """A report that says how many deals it leaves to other pipelines."""
    exclusions = FrozenMap({**report.made.exclusions, "deals in other pipelines": others})
    return attrs.evolve(report, made=attrs.evolve(report.made, exclusions=exclusions))


def _named(records: Iterable[Record]) -> dict[str, str]:
    """Records' names by id; namesakes are told apart by their ids."""
    names = {record.id: str(getattr(record, "name", record.id)) for record in records}
    often = Counter(names.values())
    return {id: name if often[name] == 1 else f"{name} ({id})" for id, name in names.items()}
