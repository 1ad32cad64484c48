"""What all models of when customers buy have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.engines import Engine, EngineName
from crmcore.analytics.clv.fit import Fit
from crmcore.analytics.clv.prediction import predicted
from crmcore.analytics.clv.rows import Rows, Rule, read_rows
from crmcore.analytics.clv.unit import Span, Unit, units_in
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from random import Random

    from crmcore.analytics.clv.summary import CustomerSummary
    from crmcore.analytics.columns import Source

__all__ = ["HISTORY", "TransactionsModel", "parameter"]


def parameter() -> Any:  # noqa: ANN401 - attrs calls it a float
    """A parameter of a model: a number above 0."""
    return attrs.field(converter=float, validator=_positive)


def _positive(model: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value < float("inf"):
        mend = "give the published parameter, or fit the model"
        raise Invalid([Problem(attribute.name, value, "a number above 0", mend)])


def _legal(x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401 - numbers or arrays
    return (x >= 0) & (x % 1 == 0) & (t_x >= 0) & (t_x <= T) & ((x == 0) == (t_x == 0))


def _why(x: float, t_x: float, T: float) -> str:
    if x < 0 or x % 1:
        return "a whole number of repeat purchases as x, 0 or more"
    if not 0 <= t_x <= T:
        return "0 ≤ t_x ≤ T: t_x is the age at the last purchase, T the age at the end"
    return "t_x = 0 where x = 0, and only there: t_x is the age at the last repeat purchase"


HISTORY = Rule(("x", "t_x", "T"), _legal, _why)
AHEAD = Rule((), lambda: True, lambda: "")


@attrs.frozen
class TransactionsModel:
    """A model of when customers buy and leave, from which predictions follow.

    Every prediction takes numbers, columns of them (and gives the same shape), or a summary in place of ``x`` (and gives
    a table by customer). ``frequency`` and ``recency`` are taken for ``x`` and ``t_x``.

    Attributes:
        unit: What time is counted in; None where nobody said.
    """

    NAMES: ClassVar[tuple[str, ...]] = ()
    RULE: ClassVar[Rule] = HISTORY

    unit: Unit | None = attrs.field(default=None, kw_only=True, converter=Unit.of)

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
        """
        given = _given(x=_either(x, frequency), t_x=_either(t_x, recency), T=T)
        rows = read_rows(summary, given, cls.RULE, weights=weights, engine=engine)
        return cls._fitted(rows, penalty, Unit.of(unit) or getattr(summary, "unit", None))

    def p_alive(
        self,
        x: Any = None,  # noqa: ANN401 - a number, a column or a summary
        t_x: Any = None,  # noqa: ANN401
        T: Any = None,  # noqa: ANN401
        ahead: Any = 0.0,  # noqa: ANN401
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:  # noqa: ANN401 - the shape that came in
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
        """
        history = self._history(_either(x, frequency), _either(t_x, recency), T)
        length = self._time(ahead, "ahead")
        if isinstance(length, float) and not length:
            return predicted("p_alive", self._alive, history, self.RULE, cheap=True)
        return predicted("p_alive", self._alive_later, history, self.RULE, also={"ahead": length})

    def conditional_expected_purchases(
        self,
        t: Any,  # noqa: ANN401
        x: Any = None,  # noqa: ANN401
        t_x: Any = None,  # noqa: ANN401
        T: Any = None,  # noqa: ANN401
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:  # noqa: ANN401 - the shape that came in
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
        """
        history = self._history(_either(x, frequency), _either(t_x, recency), T)
        also = {"t": self._time(t, "t")}
        return predicted("conditional_expected_purchases", self._expected, history, self.RULE, also=also)

    def expected_purchases(self, t: Any) -> Any:  # noqa: ANN401 - a number or a column, and the same shape back
        """The repeat purchases expected of a new customer within a time.

        Args:
            t: How long, in the model's unit, or as text: ``"12 months"``; a number or shape ``(n,)``.

        Raises:
            Invalid: A value does not fit.
        """
        return predicted("expected_purchases", self._new, {}, AHEAD, also={"t": self._time(t, "t")})

    def pmf(self, n: Any, t: Any) -> Any:  # noqa: ANN401 - numbers or columns, and the same shape back
        """The probability that a new customer makes exactly so many repeat purchases within a time.

        Args:
            n: How many; a whole number or shape ``(n,)``.
            t: Within which time, in the model's unit, or as text; a number or shape ``(n,)``.

        Raises:
            Invalid: A value does not fit.
        """
        return predicted("pmf", self._chance, {"n": n}, COUNT, also={"t": self._time(t, "t")})

    def dert(
        self,
        rate: Any,  # noqa: ANN401
        x: Any = None,  # noqa: ANN401
        t_x: Any = None,  # noqa: ANN401
        T: Any = None,  # noqa: ANN401
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:  # noqa: ANN401 - the shape that came in
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
        """
        history = self._history(_either(x, frequency), _either(t_x, recency), T)
        return predicted("dert", self._discounted_forever, history, self.RULE, also={"rate": rate})

    def discounted_expected_purchases(
        self,
        rate: Any,  # noqa: ANN401
        horizon: Any,  # noqa: ANN401
        x: Any = None,  # noqa: ANN401
        t_x: Any = None,  # noqa: ANN401
        T: Any = None,  # noqa: ANN401
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:  # noqa: ANN401 - the shape that came in
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
        """
        history = self._history(_either(x, frequency), _either(t_x, recency), T)
        also = {"rate": rate, "horizon": self._time(horizon, "horizon")}
        return predicted("discounted_expected_purchases", self._discounted, history, self.RULE, also=also)

    def expected_residual_lifetime(
        self,
        x: Any = None,  # noqa: ANN401
        t_x: Any = None,  # noqa: ANN401
        T: Any = None,  # noqa: ANN401
        *,
        frequency: object = None,
        recency: object = None,
    ) -> Any:  # noqa: ANN401 - the shape that came in
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
        """
        history = self._history(_either(x, frequency), _either(t_x, recency), T)
        return predicted("expected_residual_lifetime", self._residual, history, self.RULE)

    def simulate(self, n: int, rng: Random, *, T: float = 52.0) -> CustomerSummary:
        """Customers made up as the model has it.

        Args:
            n: How many.
            rng: Where chance comes from: ``random.Random(seed)``.
            T: How long each is observed, in the model's unit.

        Raises:
            Invalid: A value does not fit.
        """
        from crmcore.analytics.clv.summary import CustomerSummary

        if not (isinstance(n, int) and n >= 0 and 0 < T < float("inf")):
            raise Invalid([Problem("n, T", f"{n}, {T}", "0 or more customers, a time above 0", "correct them")])
        lives = [self._life(rng, float(T)) for _ in range(n)]
        columns = {"customer": range(1, n + 1), "x": [x for x, _ in lives], "t_x": [t for _, t in lives], "T": [T] * n}
        return CustomerSummary.of(columns, unit=self.unit)

    def _history(self, x: object, t_x: object, T: object) -> Mapping[str, object]:
        return dict(zip(self.RULE.names, (x, t_x, T), strict=True))

    def _time(self, span: Any, path: str) -> Any:  # noqa: ANN401 - a span, or a column of numbers
        """A time in the model's unit."""
        return units_in(self.unit, span, path) if isinstance(span, str | timedelta) else span

    @classmethod
    @abstractmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        """Fit the model to rows."""

    @abstractmethod
    def _alive(self, engine: Engine, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        """P(alive) at the end of the observation."""

    @abstractmethod
    def _alive_later(self, engine: Engine, ahead: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        """P(alive) later."""

    @abstractmethod
    def _expected(self, engine: Engine, t: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        """Purchases in a time ahead."""

    @abstractmethod
    def _new(self, engine: Engine, t: Any) -> Any:  # noqa: ANN401
        """Purchases of a new customer."""

    @abstractmethod
    def _chance(self, engine: Engine, t: Any, n: Any) -> Any:  # noqa: ANN401
        """The chance of exactly n purchases of a new customer."""

    @abstractmethod
    def _discounted_forever(self, engine: Engine, rate: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        """Discounted purchases for ever."""

    @abstractmethod
    def _discounted(self, engine: Engine, rate: Any, horizon: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        """Discounted purchases in a time ahead."""

    @abstractmethod
    def _residual(self, engine: Engine, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        """The residual lifetime."""

    @abstractmethod
    def _life(self, rng: Random, T: float) -> tuple[int, float]:
        """The x and t_x of a customer made up."""


COUNT = Rule(("n",), lambda n: n % 1 == 0, lambda n: "a whole number of purchases, 0 or more")


def _either(value: object, other: object) -> object:
    return other if value is None else value


def _given(**columns: object) -> Mapping[str, object]:
    return {name: column for name, column in columns.items() if column is not None}
