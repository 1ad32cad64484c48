"""Figures: draws columns from the store, as of any day, and hands them to ``crmcore.analytics``."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmcore.extracts.deals import deal_columns, line_of, visit_columns
from crmcore.extracts.provenance import check_known, without
from crmcore.extracts.purchases import purchases_of
from crmcore.extracts.source import Source, last_day
from crmcore.extracts.terms import term_columns
from crmcore.kernel import calendar
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from decimal import Decimal

    from crmcore.analytics import PipelineReport
    from crmcore.analytics.clv.discount import Discount
    from crmcore.analytics.clv.unit import Span
    from crmcore.analytics.clv.value_report import ValueReport
    from crmcore.analytics.retention import Churn, CohortTable, Movements
    from crmcore.analytics.survival import SurvivalCurve
    from crmcore.kernel.calendar import Period

__all__ = ["Figures"]


class Figures:
    """The figures of a CRM, or of a view of its past.

    Args:
        crm: The CRM.
    """

    def __init__(self, crm: Source) -> None:
        self._crm = crm

    # --- deals ------------------------------------------------------------------------------------------------------

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

        now = self._crm.context("sales").at  # and with it, what another process adopted meanwhile
        playbook = self._crm.playbook
        name = pipeline or playbook.sales.pipeline().name
        every = list(self._crm.opportunities.each())
        deals = [deal for deal in every if deal.pipeline == name]
        order = StageOrder.of(line_of(self._crm, name, deals).stages)
        made = report(
            deal_columns(self._crm, deals),
            visits=visit_columns(self._crm, deals, order),
            stages=order,
            at=self._crm.moment.at or now,
            period=None if period is None else self._period(period),
            by=by,
            **self._reading(currency),
        )
        others = {"deals in other pipelines": len(every) - len(deals)}
        return attrs.evolve(made, made=without(made.made, others))

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def subscriptions(self) -> dict[str, list[Any]]:
        """Subscriptions as columns: what ``churn`` and ``movements`` are made of, for a notebook to go on with.

        Returns:
            ``subscription``, ``customer`` and ``product`` (its name), ``amount`` and ``interval``, ``start`` and
            ``end`` (the first day not served): one row for each stretch at one price, as it was in force then.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada")
            >>> plan = crm.subscriptions.start(customer=ada, amount=20, started_on="2026-01-15")
            >>> crm.analytics.subscriptions()["amount"]
            [Money('20.00', 'USD')]
        """
        return term_columns(self._crm)

    def churn(
        self,
        period: Period | str,
        *,
        method: Literal["start_base", "exposed_base"] = "start_base",
        grace: timedelta | str | int = 0,
        each: calendar.Unit | None = None,
        by: str | None = None,
        currency: str | None = None,
    ) -> Churn:
        """Churn over a period, of customers with subscriptions and of the revenue they bring.

        What each customer paid at the start and at the end is what was in force then.

        Args:
            period: What to look at: ``"2026-Q3"``, ``"FY2026"``, or a Period. One that is not over at the as-of is
                looked at up to it.
            method: ``"start_base"``: the share of the start's customers who are none at the end. ``"exposed_base"``:
                how often somebody left / how many were there or came.
            grace: A gap in a customer's service shorter than this is none: days, ``"30d"``, ``"2 weeks"``.
            each: Also for every ``"month"`` (week, quarter, …) of the period, in ``parts``.
            by: Also for each ``product`` or ``interval``, in ``groups``.
            currency: The currency to report in; default: the playbook's.

        Raises:
            Invalid: The period begins after the as-of, or an argument does not fit.
            MixedCurrency: Amounts are in several currencies, and the playbook has no rates.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> for name, until in [("Ada", None), ("Bob", "2026-03-20")]:
            ...     who = crm.contacts.add(name=name)
            ...     plan = crm.subscriptions.start(
            ...         customer=who, amount=20, started_on="2026-01-15", ended_on=until
            ...     )
            >>> crm.analytics.churn("2026-03")
            <Churn 2026-03: 1 lost of 2, 50.00%>
        """
        from crmcore.analytics.retention import churn

        asked = self._over(period, grace, each, by, currency)
        return churn(term_columns(self._crm), method=method, **asked)

    def movements(
        self,
        period: Period | str,
        *,
        grace: timedelta | str | int = 0,
        each: calendar.Unit | None = None,
        by: str | None = None,
        currency: str | None = None,
    ) -> Movements:
        """Recurring revenue in movement over a period: new, reactivation, expansion, contraction, churned; GRR, NRR.

        Args:
            period: What to look at: ``"2026-Q3"``, ``"FY2026"``, or a Period.
            grace: A gap in a customer's service shorter than this is none: days, ``"30d"``, ``"2 weeks"``.
            each: Also for every ``"month"`` (week, quarter, …) of the period, in ``parts``.
            by: Also for each ``product`` or ``interval``, in ``groups``.
            currency: The currency to report in; default: the playbook's.

        Raises:
            Invalid: The period begins after the as-of, or an argument does not fit.
            MixedCurrency: Amounts are in several currencies, and the playbook has no rates.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada")
            >>> plan = crm.subscriptions.start(customer=ada, amount=20, started_on="2026-01-15")
            >>> crm.analytics.movements("2026-01").new
            Money('20.00', 'USD')
        """
        from crmcore.analytics.retention import movements

        asked = self._over(period, grace, each, by, currency)
        return movements(term_columns(self._crm), **asked)

    def survival(
        self,
        of: Literal["customer", "subscription"] = "customer",
        *,
        unit: str = "month",
        grace: timedelta | str | int = 0,
        level: float = 0.95,
    ) -> SurvivalCurve:
        """How long customers with subscriptions stay: the Kaplan-Meier curve of their tenure.

        Tenure runs from the first day served to the first not served; who still is served is censored at the as-of.

        Args:
            of: Whom to follow: each ``customer`` until it first leaves, or each ``subscription`` until it ends.
            unit: What to count tenure in: ``"day"``, ``"week"``, ``"month"`` (30.4375 days) or ``"year"``.
            grace: A gap in a customer's service shorter than this is none: days, ``"30d"``, ``"2 weeks"``.
            level: The confidence level of the limits, a fraction.

        Raises:
            Invalid: An argument does not fit.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> for until in ["2026-02-15", "2026-03-15"]:
            ...     who = crm.contacts.add(name="Ada")
            ...     plan = crm.subscriptions.start(
            ...         customer=who, amount=20, started_on="2026-01-15", ended_on=until
            ...     )
            >>> crm.analytics.survival(unit="day")
            <SurvivalCurve: 2 subjects, 2 events, median 31.00>
        """
        from crmcore.analytics.clv.unit import Unit
        from crmcore.analytics.retention import tenures
        from crmcore.analytics.survival import kaplan_meier

        if of not in ("customer", "subscription"):
            raise Invalid([Problem("of", of, "customer or subscription", 'say of="customer"')])
        length, today = Unit.of(unit), last_day(self._crm)
        zone = self._crm.playbook.zone
        told = tenures(term_columns(self._crm), as_of=today, grace=grace, customer=of, zone=zone)
        durations = [days / length.days for days in told.durations]
        curve = kaplan_meier(durations, told.observed, level=level, unit=f"{length}s")
        return attrs.evolve(curve, made=told.made)

    # --- purchases --------------------------------------------------------------------------------------------------

    def purchases(self) -> dict[str, list[Any]]:
        """Purchases as columns: what ``clv`` and ``retention`` are made of, for a notebook to go on with.

        Every order is one, on its day; so is every won deal that no order refers to, on the day it was closed.

        Returns:
            ``purchase`` (the id of the order or deal), ``customer``, ``at`` (the day) and ``amount`` (None where a
            deal has none).

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada")
            >>> order = crm.orders.add(customer=ada, ordered_on="2026-01-15", amount=20)
            >>> crm.analytics.purchases()["at"]
            [datetime.date(2026, 1, 15)]
        """
        return dict(purchases_of(self._crm).columns)

    def clv(
        self,
        end: date | str | None = None,
        *,
        unit: str = "week",
        model: str = "MBG/NBD",
        horizon: Span | None = "12 months",
        discount: Discount | float | None = 0.10,
        margin: Decimal | float | str = 1,
        returns: Literal["net", "exclude", "error"] = "net",
        currency: str | None = None,
    ) -> ValueReport:
        """Customer lifetime value: what each customer has brought in, and is expected to bring in yet.

        Args:
            end: The last day that counts; default: the day of the as-of, which is the latest there can be.
            unit: What to count time in: ``"day"``, ``"week"``, ``"month"`` or ``"year"``.
            model: When customers buy: ``"MBG/NBD"``, ``"BG/NBD"``, ``"Pareto/NBD"`` or ``"NBD"``.
            horizon: How far to look ahead: ``"12 months"``, a timedelta, or a number of units; None for ever.
            discount: The discount rate, a fraction a year; None for none.
            margin: What is left of each unit of spend, a fraction; 1 leaves revenue.
            returns: What becomes of amounts below 0, as in ``clv.summarize``.
            currency: The currency to report in; default: the playbook's.

        Raises:
            Invalid: An argument does not fit, or there is no exchange rate for the day of a purchase.
            MixedCurrency: Amounts are in several currencies, and the playbook has no rates.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada, bob = (crm.contacts.add(name=name) for name in ["Ada", "Bob"])
            >>> for who, day in [(ada, "2026-01-05"), (ada, "2026-01-26"), (ada, "2026-02-09"), (bob, "2026-01-12")]:
            ...     order = crm.orders.add(customer=who, ordered_on=day, amount=20)
            >>> found = crm.analytics.clv(end="2026-03-02")
            >>> found.totals["historical"]
            Money('80.00', 'USD')
        """
        from crmcore.analytics.clv.value_report import report

        today, reading = last_day(self._crm), self._reading(currency)
        bought = purchases_of(self._crm).valued(reading["currency"], reading.pop("rates"))
        made = report(
            bought.columns,
            end=today if end is None else end,
            unit=unit,
            model=model,
            horizon=horizon,
            discount=discount,
            margin=margin,
            returns=returns,
            **reading,
        )
        check_known(made.made, today)
        summary = attrs.evolve(made.summary, made=without(made.made, bought.exclusions))
        return attrs.evolve(made, summary=summary)

    def retention(
        self,
        period: Literal["day", "week", "month", "quarter", "year"] = "month",
        *,
        anchor: Literal["calendar", "anniversary"] = "calendar",
        partial: bool = False,
        end: date | str | None = None,
        currency: str | None = None,
    ) -> CohortTable:
        """Retention by cohort: of the customers who first bought in the same period, how many buy at each age.

        Args:
            period: How long a period is: ``"day"``, ``"week"``, ``"month"``, ``"quarter"`` or ``"year"``.
            anchor: Ages counted by the ``"calendar"``, or from each customer's own ``"anniversary"``.
            partial: Whether to show an age as soon as it has begun for every customer of the cohort.
            end: The last day looked at; default: the day of the as-of, which is the latest there can be.
            currency: The currency of revenue; default: the playbook's.

        Raises:
            Invalid: An argument does not fit.
            MixedCurrency: Amounts are in several currencies, and the playbook has no rates.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada")
            >>> for day in ["2026-01-15", "2026-02-03"]:
            ...     order = crm.orders.add(customer=ada, ordered_on=day, amount=20)
            >>> crm.analytics.retention(end="2026-02-28").cohorts[0].retention
            (1.0, 1.0)
        """
        from crmcore.analytics.retention import cohorts

        today, bought = last_day(self._crm), purchases_of(self._crm)
        table = cohorts(
            bought.columns,
            end=today if end is None else end,
            period=period,
            anchor=anchor,
            partial=partial,
            amount="amount",
            **self._reading(currency),
        )
        check_known(table.made, today)
        return attrs.evolve(table, made=without(table.made, bought.exclusions))

    # --- what they share --------------------------------------------------------------------------------------------

    def _reading(self, currency: str | None) -> dict[str, Any]:
        """How amounts and days are read: in which currency to report, by which exchange rates, in whose zone."""
        playbook = self._crm.playbook
        return {
            "currency": playbook.currency if currency is None else currency,
            "rates": playbook.rates if playbook.rates.rates else None,
            "zone": playbook.zone,
        }

    def _period(self, period: Period | str) -> Period:
        """A period by its name, in the business's zone and fiscal year."""
        playbook = self._crm.playbook
        if isinstance(period, calendar.Period):
            return period
        return calendar.period(period, zone=playbook.zone, fiscal=playbook.fiscal_year)

    def _over(
        self,
        period: Period | str,
        grace: timedelta | str | int,
        each: calendar.Unit | None,
        by: str | None,
        currency: str | None,
    ) -> dict[str, Any]:
        """What churn and movements are told alike."""
        as_of = last_day(self._crm)
        asked = {"period": self._period(period), "grace": grace, "each": each, "by": by, "as_of": as_of}
        return {**asked, **self._reading(currency)}
