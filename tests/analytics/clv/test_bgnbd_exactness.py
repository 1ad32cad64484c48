"""BG/NBD and MBG/NBD beside what they are by definition, in many digits, over parameters and histories of every kind.

The second method is not ours: the hypergeometric forms of the papers, which are singular in doubles where a = 1, are
harmless in a hundred digits and a hair beside; and integrals over time.
"""

from __future__ import annotations

import random
from typing import TypeAlias

import mpmath as mp
import numpy as np
import pytest

from crmcore.analytics.clv import BGNBD, MBGNBD

Parameters: TypeAlias = tuple[float, float, float, float]
History: TypeAlias = tuple[int, float, float]

USUAL = (0.243, 4.414, 0.793, 2.426)
CASES = [
    # r, alpha, a, b; x, t_x, T
    pytest.param(USUAL, (2, 30.43, 38.86), id="usual"),
    pytest.param(USUAL, (0, 0, 38.86), id="one-time buyer"),
    pytest.param(USUAL, (0, 0, 0), id="T = 0"),
    pytest.param(USUAL, (5, 20, 20), id="t_x = T"),
    pytest.param((0.243, 4.414, 1.0, 2.426), (3, 20, 30), id="a = 1"),
    pytest.param((0.243, 4.414, 1.0000001, 2.426), (3, 20, 30), id="a = 1.0000001"),
    pytest.param((0.243, 4.414, 0.3, 0.4), (0, 0, 30), id="a + b < 1"),
    pytest.param((0.243, 4.414, 0.3, 0.4), (1, 29, 30), id="a + b < 1, a buyer"),
    pytest.param((0.243, 4.414, 1e-3, 2.0), (3, 20, 30), id="a tiny"),
    pytest.param((0.243, 4.414, 2.0, 1e-3), (1, 20, 30), id="b tiny"),
    pytest.param((0.243, 4.414, 60.0, 300.0), (3, 20, 30), id="a and b large"),
    pytest.param((0.243, 0.008, 0.793, 2.426), (500, 150, 200), id="alpha = .008"),
    pytest.param((0.243, 0.008, 0.793, 2.426), (0, 0, 0), id="alpha = .008, T = 0"),
    pytest.param((150.0, 4.414, 0.793, 2.426), (40, 1.1, 1.3), id="r large"),
    pytest.param(USUAL, (1000, 150, 170), id="x = 1000"),
    pytest.param(USUAL, (1000, 150, 150.5), id="x = 1000, just bought"),
    pytest.param(USUAL, (133, 200, 200), id="case 3: (133, 200, 200)"),
    pytest.param(USUAL, (221, 103.43, 103.57), id="case 3: (221, 103.43, 103.57)"),
]


class Direct:
    """What a model says, as the papers have it, in a hundred digits."""

    def __init__(self, model: BGNBD) -> None:
        self.r, self.alpha, self.a, self.b = (mp.mpf(getattr(model, name)) for name in model.NAMES)
        self.a += self.a * mp.mpf(10) ** -40
        self.first = model.FIRST

    def p_alive(self, x: int, t_x: float, age: float) -> mp.mpf:
        """By the chances of the history: of who is there still, and of who left after the last purchase."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        stayed = mp.beta(a, b + x + self.first) * (alpha + age) ** -(r + x)
        able = x + self.first > 0
        left = mp.beta(a + 1, b + x + self.first - 1) * (alpha + mp.mpf(t_x)) ** -(r + x) if able else 0
        return stayed / (stayed + left)

    def staying(self, t: float, history: History) -> mp.mpf:
        """Of who is there, the chance to be there still: a hypergeometric function."""
        x, _, age = history
        after = self.a + self.b + x + self.first
        return mp.hyp2f1(self.r + x, self.a, after, -mp.mpf(t) / (self.alpha + age), maxterms=10**7)

    def purchases(self, t: float, history: History) -> mp.mpf:
        """Equation 10 of Fader, Hardie and Lee 2005, less its denominator, which is P(alive)."""
        x, _, age = history
        r, a, b, whole = self.r, self.a, self.b + self.first, self.alpha + age + mp.mpf(t)
        series = mp.hyp2f1(r + x, b + x, a + b + x - 1, mp.mpf(t) / whole, maxterms=10**7)
        share = ((self.alpha + age) / whole) ** (r + x)
        return self.p_alive(*history) * (a + b + x - 1) / (a - 1) * (1 - share * series)

    def discounted(self, rate: float, t: float, history: History) -> mp.mpf:
        """By parts: what is bought by the end, and before, for its earlier worth."""
        rate, t = mp.mpf(rate), mp.mpf(t)
        shares = [0, *(mp.mpf(10) ** -i for i in range(4, 0, -1)), mp.mpf("0.3"), 1]
        with mp.workdps(70):
            before = mp.quad(
                lambda u: rate * mp.exp(-rate * u) * self.purchases(u, history),
                [t * share for share in shares],
                maxdegree=5,
            )
        return mp.exp(-rate * t) * self.purchases(t, history) + before

    def pmf(self, n: int, t: float) -> mp.mpf:
        """Equation 8, the tail by the incomplete beta function."""
        r, a, b, t = self.r, self.a, self.b, mp.mpf(t)
        share, chances = t / (self.alpha + t), n + self.first
        all_n = mp.gamma(r + n) / mp.gamma(r) / mp.factorial(n) * (1 - share) ** r * (share**n if n else 1)
        found = mp.beta(a, b + chances) / mp.beta(a, b) * all_n
        if chances:
            tail = mp.betainc(n, r, 0, share, regularized=True) if n else 1
            found += mp.beta(a + 1, b + chances - 1) / mp.beta(a, b) * tail
        return found


@pytest.fixture(autouse=True)
def digits() -> None:
    """A hundred of them."""
    mp.mp.dps = 100


def check(model: BGNBD, history: History, t: float) -> None:
    """The predictions that depend on a time ahead, and P(alive)."""
    direct = Direct(model)
    alive = direct.p_alive(*history)
    told = {
        "p_alive": (model.p_alive(*history), alive),
        "p_alive ahead": (model.p_alive(*history, ahead=t), alive * direct.staying(t, history)),
        "purchases": (model.conditional_expected_purchases(t, *history), direct.purchases(t, history)),
    }
    for name, (found, exact) in told.items():
        assert found == pytest.approx(float(exact), rel=1e-10, abs=1e-30), name
    assert 0 <= told["p_alive"][0] <= 1


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize(("parameters", "history"), CASES)
def test_named_cases(kind: type[BGNBD], parameters: Parameters, history: History) -> None:
    """To 1e-10, soon and late."""
    for t in (1e-6, 39.0, 1e5):
        check(kind(*parameters), history, t)


def test_random_parameters() -> None:
    """To 1e-10, all over."""
    rng = random.Random(20261101)
    for _ in range(60):
        kind = rng.choice([BGNBD, MBGNBD])
        parameters = [10 ** rng.uniform(-2, 2) for _ in range(4)]
        x = rng.choice([0, 1, 2, 10, 100, 1000])
        age = 10 ** rng.uniform(-2, 3)
        t_x = age * rng.choice([rng.random(), 1.0, 0.999]) if x else 0.0
        check(kind(*parameters), (x, t_x, age), 10 ** rng.uniform(-3, 4))


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize(
    ("parameters", "history", "rate", "horizon"),
    [
        pytest.param(USUAL, (2, 30.43, 38.86), 0.0018, 52.0, id="usual"),
        pytest.param((0.243, 4.414, 1.0, 2.426), (0, 0, 30), 0.05, 520.0, id="a = 1"),
        pytest.param((0.243, 0.008, 0.3, 0.4), (3, 1, 1), 1.5, 30.0, id="alpha = .008, a + b < 1"),
        pytest.param((30.0, 40.0, 2.0, 5.0), (9, 11, 12), 0.3, 200.0, id="r large"),
    ],
)
def test_present_values(
    kind: type[BGNBD], parameters: Parameters, history: History, rate: float, horizon: float
) -> None:
    """To 1e-10 beside an integral over time, with an end and without."""
    mp.mp.dps = 60
    model = kind(*parameters)
    exact = float(Direct(model).discounted(rate, horizon, history))
    assert model.discounted_expected_purchases(rate, horizon, *history) == pytest.approx(exact, rel=1e-10)
    if rate * horizon > 40:
        assert model.dert(rate, *history) == pytest.approx(exact, rel=1e-10)


def test_residual_transactions_that_are_not_discounted() -> None:
    """Where a > 1, E[1/p] of those who are there; else their sum is infinite."""
    model = BGNBD(0.243, 4.414, 1.5, 2.426)
    exact = model.p_alive(2, 30, 39) * (1.5 + 2.426 + 2 - 1) / 0.5
    assert model.dert(0, 2, 30, 39) == pytest.approx(exact, rel=1e-13)
    assert model.dert(0, 2, 30, 39) == pytest.approx(model.conditional_expected_purchases(1e12, 2, 30, 39), rel=1e-4)
    assert model.dert([0, 0.01], 2, 30, 39) == [model.dert(0, 2, 30, 39), model.dert(0.01, 2, 30, 39)]
    assert model.dert(0.01, 2, 30, 39) == pytest.approx(model.discounted_expected_purchases(0.01, 1e6, 2, 30, 39))
    assert BGNBD(0.243, 4.414, 1.0, 2.426).dert(np.array([0, 0.01]), 2, 30, 39)[0] is None
    assert BGNBD(0.243, 4.414, 0.7, 2.426).dert(0, 0, 0, 39) is None


def test_the_residual_lifetime() -> None:
    """The mean of 1 / (λ p): in a simulation, and None where either has none."""
    model = MBGNBD(3.0, 10.0, 3.0, 6.0)
    rng = random.Random(7)
    mean = sum(1 / (rng.gammavariate(5.0, 1 / 40) * rng.betavariate(3.0, 9.0)) for _ in range(100_000)) / 100_000
    found = model.expected_residual_lifetime(2, 20, 30)
    assert found == pytest.approx(40 / 4 * 11 / 2 * model.p_alive(2, 20, 30), rel=1e-13)
    assert found / model.p_alive(2, 20, 30) == pytest.approx(mean, rel=0.02)
    assert MBGNBD(0.5, 10.0, 1.0, 6.0).expected_residual_lifetime(2, 20, 30) is None
    half = MBGNBD(0.5, 10.0, 3.0, 6.0)
    assert half.expected_residual_lifetime([0, 1], [0, 20], 30) == [None, half.expected_residual_lifetime(1, 20, 30)]
    assert half.expected_residual_lifetime(np.array([0, 1]), [0, 20], 30)[0] is None


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
def test_probabilities_of_counts(kind: type[BGNBD]) -> None:
    """To 1e-10 of the papers' form, over parameters, counts and times of every kind."""
    mp.mp.dps = 60
    rng = random.Random(4)
    for _ in range(60):
        model = kind(*(10 ** rng.uniform(-2, 2) for _ in range(4)))
        n, t = rng.choice([0, 1, 2, 5, 20, 100, 700]), 10 ** rng.uniform(-3, 3)
        exact = float(Direct(model).pmf(n, t))
        assert model.pmf(n, t) == pytest.approx(exact, rel=1e-10, abs=1e-290), (model, n, t)


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize("parameters", [USUAL, (0.5, 4.4, 1.0, 2.4), (5.0, 40.0, 0.3, 0.4)])
def test_counts_add_up(kind: type[BGNBD], parameters: Parameters) -> None:
    """Their probabilities to 1, their mean to the expected purchases."""
    model = kind(*parameters)
    chances = model.pmf(list(range(3000)), 39)
    assert sum(chances) == pytest.approx(1, rel=1e-12)
    mean = sum(n * chance for n, chance in enumerate(chances))
    assert mean == pytest.approx(model.expected_purchases(39), rel=1e-10)


def test_no_time_and_no_purchase() -> None:
    """In no time nothing is bought, and nobody who is there leaves."""
    model = BGNBD(*USUAL)
    assert model.pmf([0, 1, 5], 0) == [1, 0, 0]
    assert model.expected_purchases(0) == 0
    assert model.conditional_expected_purchases(0, 2, 30.43, 38.86) == 0
    assert model.discounted_expected_purchases(0.01, 0, 2, 30.43, 38.86) == 0
    assert model.p_alive(2, 30.43, 38.86, ahead=1e-300) == pytest.approx(model.p_alive(2, 30.43, 38.86), rel=1e-14)
    assert MBGNBD(*USUAL).pmf(0, 0) == pytest.approx(1, rel=1e-14)
