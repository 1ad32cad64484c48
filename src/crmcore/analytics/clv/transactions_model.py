"""What all models of when customers buy have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.engines import Column, Engine, EngineName
from crmcore.analytics.clv.fit import Fit
from crmcore.analytics.clv.history import AHEAD, COUNT, HISTORY, LONGEST, either, given
from crmcore.analytics.clv.parameters import parameter
from crmcore.analytics.clv.prediction import predicted
from crmcore.analytics.clv.rows import Rows, Rule, is_summary, number, read_rows
from crmcore.analytics.clv.unit import Unit, UnitName, units_in
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from random import Random

    from crmcore.analytics.clv.summary import CustomerSummary
    from crmcore.analytics.columns import Source

__all__ = ["HISTORY", "TransactionsModel", "parameter"]


def _unit(unit: UnitName | None) -> Unit | None:
    return Unit.of(unit)


@attrs.frozen
class TransactionsModel:
    """A model of when customers buy and leave, from which predictions follow.

    Every prediction takes numbers, columns of them (and gives the same shape), or a summary in place of ``x`` (and
    gives a table by customer). ``frequency`` and ``recency`` are taken for ``x`` and ``t_x``.

    Attributes:
        unit: What time is counted in; None where nobody said.
    """

    NAMES: ClassVar[tuple[str, ...]] = ()
    RULE: ClassVar[Rule] = HISTORY
    GROUPS: ClassVar[bool] = False
    """Whether its predictions take like customers together themselves."""

    unit: Unit | None = attrs.field(default=None, kw_only=True, converter=_unit)

    @classmethod
    def fit(
        cls,
        summary: Source | None = None,
        *,
        x: object = None,
        t_x: object = None,
        T: object = None,
        weights: object = None,
        penalty: float = 0.0,
        unit: Unit | timedelta | str | None = None,
        engine: EngineName | None = None,
        frequency: object = None,
        recency: object = None,
    ) -> Fit[Self]:
        """Fit the model by maximum likelihood.

        Args:
            summary: What ``summarize`` gave, or any table with the columns x, t_x and T.
            x: Repeat purchases, shape ``(n,)``, where no table is given.
            t_x: The age at the last purchase, shape ``(n,)``, in the model's unit.
            T: The age at the end of the observation, shape ``(n,)``, in the model's unit.
            weights: How many customers each row stands for, shape ``(n,)``, or the name of a column; default: 1.
            penalty: Adds penalty × Σ log(parameter)² to the mean negative log-likelihood.
            unit: What time is counted in; default: the summary's.
            engine: ``"python"`` or ``"numpy"``; default: numpy where it is installed and there are many rows.
            frequency: Another word for x.
            recency: Another word for t_x.

        Raises:
            Invalid: A column is missing or rows are wrong; lists them.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> x, t_x = [0, 0, 0, 1, 1, 2, 5, 9], [0, 0, 0, 3, 20, 30, 12, 38]
            >>> fit = BGNBD.fit(x=x, t_x=t_x, T=[39] * 8, unit="week")
            >>> fit.customers, fit.model.unit.name
            (8.0, 'week')
        """
        columns = given(x=either(x, frequency), t_x=either(t_x, recency), T=T)
        rows = read_rows(summary, columns, cls.RULE, weights=weights, engine=engine)
        return cls._fitted(rows, penalty, Unit.of(unit) or (summary.unit if is_summary(summary) else None))

    def p_alive(
        self,
        x: Any = None,
        t_x: Any = None,
        T: Any = None,
        ahead: Any = 0.0,
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:
        """The probability that a customer is still one, at the end of the observation or a time after it.

        Args:
            x: Repeat purchases; a number, shape ``(n,)``, or a summary in place of all three.
            t_x: The age at the last purchase, in the model's unit.
            T: The age at the end of the observation, in the model's unit.
            ahead: How long after it, in the model's unit, or as text: ``"3 months"``.
            frequency: Another word for x.
            recency: Another word for t_x.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> round(model.p_alive(x=2, t_x=30.43, T=38.86), 4)
            0.7266
            >>> [round(p, 4) for p in model.p_alive([0, 2], [0, 30.43], 38.86, ahead="3 months")]
            [0.9832, 0.661]
        """
        history = self._history(either(x, frequency), either(t_x, recency), T)
        length = self._time(ahead, "ahead")
        if isinstance(length, float) and not length:
            return predicted("p_alive", self._alive, history, self.RULE, cheap=True)
        return predicted("p_alive", self._alive_later, history, self.RULE, also={"ahead": length}, cheap=self.GROUPS)

    def conditional_expected_purchases(
        self,
        t: Any,
        x: Any = None,
        t_x: Any = None,
        T: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:
        """The purchases expected of a customer within a time after the end of the observation.

        Args:
            t: How long, in the model's unit, or as text: ``"12 months"``.
            x: Repeat purchases; a number, shape ``(n,)``, or a summary in place of all three.
            t_x: The age at the last purchase, in the model's unit.
            T: The age at the end of the observation, in the model's unit.
            frequency: Another word for x.
            recency: Another word for t_x.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> round(model.conditional_expected_purchases(39, x=2, t_x=30.43, T=38.86), 4)
            1.226
        """
        history = self._history(either(x, frequency), either(t_x, recency), T)
        also = {"t": self._time(t, "t")}
        return predicted(
            "conditional_expected_purchases", self._expected, history, self.RULE, also=also, cheap=self.GROUPS
        )

    def expected_purchases(self, t: Any) -> Any:
        """The repeat purchases expected of a new customer within a time.

        Args:
            t: How long, in the model's unit, or as text: ``"12 months"``; a number or shape ``(n,)``.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> [round(bought, 4) for bought in model.expected_purchases([1, 3, 78])]
            [0.0533, 0.1509, 1.8605]
        """
        return predicted("expected_purchases", self._new, {}, AHEAD, also={"t": self._time(t, "t")})

    def pmf(self, n: Any, t: Any) -> Any:
        """The probability that a new customer makes exactly so many repeat purchases within a time.

        Args:
            n: How many; a whole number or shape ``(n,)``.
            t: Within which time, in the model's unit, or as text; a number or shape ``(n,)``.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> round(model.pmf(0, 39), 7)
            0.5737864
        """
        return predicted("pmf", self._chance, {"n": n}, COUNT, also={"t": self._time(t, "t")})

    def dert(
        self,
        rate: Any,
        x: Any = None,
        t_x: Any = None,
        T: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:
        """The discounted expected residual transactions: all purchases to come, each at its present value.

        Args:
            rate: The continuous discount rate per model unit, such as 0.0018 a week for 10 % a year.
            x: Repeat purchases; a number, shape ``(n,)``, or a summary in place of all three.
            t_x: The age at the last purchase, in the model's unit.
            T: The age at the end of the observation, in the model's unit.
            frequency: Another word for x.
            recency: Another word for t_x.

        Returns:
            In purchases; None where the sum is infinite, as without discounting it may be.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> round(model.dert(0.0027, x=2, t_x=30.43, T=38.86), 4)
            5.1564
        """
        history = self._history(either(x, frequency), either(t_x, recency), T)
        return predicted("dert", self._discounted_forever, history, self.RULE, also={"rate": rate}, cheap=self.GROUPS)

    def discounted_expected_purchases(
        self,
        rate: Any,
        horizon: Any,
        x: Any = None,
        t_x: Any = None,
        T: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:
        """The purchases expected within a time after the end of the observation, each at its present value.

        Args:
            rate: The continuous discount rate per model unit.
            horizon: How long, in the model's unit, or as text: ``"12 months"``.
            x: Repeat purchases; a number, shape ``(n,)``, or a summary in place of all three.
            t_x: The age at the last purchase, in the model's unit.
            T: The age at the end of the observation, in the model's unit.
            frequency: Another word for x.
            recency: Another word for t_x.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> round(model.discounted_expected_purchases(0.0018, "12 months", x=2, t_x=30.43, T=38.86), 4)
            1.4969
        """
        history = self._history(either(x, frequency), either(t_x, recency), T)
        also = {"rate": rate, "horizon": self._time(horizon, "horizon")}
        return predicted(
            "discounted_expected_purchases", self._discounted, history, self.RULE, also=also, cheap=self.GROUPS
        )

    def expected_residual_lifetime(
        self,
        x: Any = None,
        t_x: Any = None,
        T: Any = None,
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:
        """How much longer a customer is expected to stay, those counted who have left already.

        Args:
            x: Repeat purchases; a number, shape ``(n,)``, or a summary in place of all three.
            t_x: The age at the last purchase, in the model's unit.
            T: The age at the end of the observation, in the model's unit.
            frequency: Another word for x.
            recency: Another word for t_x.

        Returns:
            In the model's unit; None where it is infinite: customers differ so much that some would stay for ever.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.25, alpha=4.5, a=3, b=10, unit="week")
            >>> round(model.expected_residual_lifetime(x=2, t_x=30, T=39), 4)
            166.9124
        """
        history = self._history(either(x, frequency), either(t_x, recency), T)
        return predicted("expected_residual_lifetime", self._residual, history, self.RULE, cheap=self.GROUPS)

    def simulate(self, n: int, rng: Random, *, T: float = 52.0) -> CustomerSummary:
        """Customers made up as the model has it.

        Args:
            n: How many.
            rng: Where chance comes from: ``random.Random(seed)``.
            T: How long each is observed, in the model's unit.

        Raises:
            Invalid: A value does not fit.

        Example:
            >>> from random import Random
            >>> from crmcore.analytics.clv import BGNBD
            >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
            >>> model.simulate(3, Random(1), T=39).x
            (0, 4, 2)
        """
        from crmcore.analytics.clv.summary import CustomerSummary

        end = number(T)
        if not (isinstance(n, int) and n >= 0 and 0 < end <= LONGEST and hasattr(rng, "gammavariate")):
            expected = "0 or more customers, a random.Random(), a time above 0"
            raise Invalid([Problem("n, rng, T", f"{n}, {type(rng).__name__}, {T}", expected, "correct them")])
        lives = [self._life(rng, end) for _ in range(n)]
        columns = {
            "customer": range(1, n + 1),
            "x": [x for x, _ in lives],
            "t_x": [t for _, t in lives],
            "T": [end] * n,
        }
        return CustomerSummary.of(columns, unit=self.unit)

    def _history(self, x: object, t_x: object, T: object) -> Mapping[str, object]:
        return dict(zip(self.RULE.names, (x, t_x, T), strict=True))

    def _time(self, span: Any, path: str) -> Any:
        """A time in the model's unit."""
        return units_in(self.unit, span, path) if isinstance(span, str | timedelta) else span

    @classmethod
    @abstractmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        """Fit the model to rows."""

    @abstractmethod
    def _alive(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        """P(alive) at the end of the observation."""

    @abstractmethod
    def _alive_later(self, engine: Engine, ahead: Column, x: Column, t_x: Column, T: Column) -> Column:
        """P(alive) later."""

    @abstractmethod
    def _expected(self, engine: Engine, t: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Purchases in a time ahead."""

    @abstractmethod
    def _new(self, engine: Engine, t: Column) -> Column:
        """Purchases of a new customer."""

    @abstractmethod
    def _chance(self, engine: Engine, t: Column, n: Column) -> Column:
        """The chance of exactly n purchases of a new customer."""

    @abstractmethod
    def _discounted_forever(self, engine: Engine, rate: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Discounted purchases for ever."""

    @abstractmethod
    def _discounted(self, engine: Engine, rate: Column, horizon: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Discounted purchases in a time ahead."""

    @abstractmethod
    def _residual(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        """The residual lifetime."""

    @abstractmethod
    def _life(self, rng: Random, T: float) -> tuple[int, float]:
        """The x and t_x of a customer made up."""
