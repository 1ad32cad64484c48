"""Pareto/NBD beside direct numerical integration in 25 digits, over parameters and histories of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import exp, log
from typing import TypeAlias

import mpmath as mp
import pytest

from crmcore.analytics.clv import ParetoNBD

Parameters: TypeAlias = tuple[float, float, float, float]
History: TypeAlias = tuple[int, float, float]

CASES = [
    # r, alpha, s, beta; x, t_x, T
    pytest.param((0.55, 10.58, 0.61, 11.67), (2, 30.43, 38.86), id="usual"),
    pytest.param((0.55, 10.58, 0.61, 11.67), (0, 0, 38.86), id="one-time buyer"),
    pytest.param((0.55, 10.58, 0.61, 11.67), (0, 0, 0), id="T = 0"),
    pytest.param((0.55, 10.58, 0.61, 11.67), (5, 20, 20), id="t_x = T"),
    pytest.param((0.55, 10.58, 1.0, 11.67), (3, 20, 30), id="s = 1"),
    pytest.param((0.55, 10.58, 1.0000001, 11.67), (3, 20, 30), id="s = 1.0000001"),
    pytest.param((0.55, 10.58, 1e-3, 11.67), (3, 20, 30), id="s tiny"),
    pytest.param((0.55, 10.58, 60.0, 300.0), (3, 20, 30), id="s large"),
    pytest.param((0.55, 10.58, 0.61, 10.58), (3, 20, 30), id="alpha = beta"),
    pytest.param((0.55, 0.008, 0.61, 11.67), (500, 12, 200), id="alpha = .008"),
    pytest.param((0.55, 0.008, 0.61, 0.008), (1000, 199, 200), id="alpha = beta = .008"),
    pytest.param((0.55, 10.58, 0.61, 0.008), (0, 0, 300), id="beta = .008"),
    pytest.param((0.55, 10.58, 0.61, 11.67), (1000, 150, 170), id="x = 1000"),
    pytest.param((0.55, 10.58, 0.61, 11.67), (133, 200, 200), id="case 3: (133, 200, 200)"),
    pytest.param((0.55, 10.58, 0.61, 11.67), (221, 103.43, 103.57), id="case 3: (221, 103.43, 103.57)"),
    pytest.param((64.0, 10.58, 64.0, 7721.0), (40, 100, 130), id="case 2: s = 64, beta = 7721"),
]


@pytest.fixture(autouse=True)
def digits() -> None:
    """Twenty-five of them."""
    mp.mp.dps = 25


def integral(density: Callable[[mp.mpf], mp.mpf], start: mp.mpf, end: mp.mpf, near: mp.mpf) -> mp.mpf:
    """∫ f(u) du, piece by piece on ln(near + u), and as a share of its peak."""
    low, high = mp.log(near + start), mp.log(near + end)
    if high <= low:
        return mp.mpf(0)

    def along(v: mp.mpf) -> mp.mpf:
        return density(mp.exp(v) - near) * mp.exp(v)

    peak = max(along(low + (high - low) * i / 100) for i in range(1, 101))
    shares = sorted({0, *(10.0**-i for i in range(4)), *(i / 6 for i in range(7))})
    return peak * mp.quad(lambda v: along(v) / peak, [low + (high - low) * share for share in shares])


class Direct:
    """What a model says, straight from its definition."""

    def __init__(self, model: ParetoNBD) -> None:
        self.r, self.alpha, self.s, self.beta = (mp.mpf(getattr(model, name)) for name in model.NAMES)
        self.near = min(self.alpha, self.beta)

    def p_alive(self, x: int, t_x: float, age: float) -> mp.mpf:
        """1 / (1 + the odds of having left)."""
        end = mp.mpf(age)

        def odds(u: mp.mpf) -> mp.mpf:
            stayed = ((self.beta + end) / (self.beta + u)) ** self.s
            return ((self.alpha + end) / (self.alpha + u)) ** (self.r + x) * stayed * self.s / (self.beta + u)

        return 1 / (1 + integral(odds, mp.mpf(t_x), end, self.near))

    def staying(self, u: mp.mpf, age: float) -> mp.mpf:
        """How many who are there still stay that much longer."""
        return ((self.beta + age) / (self.beta + age + u)) ** self.s

    def purchases(self, t: float, rate: float, history: History) -> mp.mpf:
        """Of who is there still, in a time, at present value."""
        x, _, age = history
        time = integral(lambda u: mp.exp(-rate * u) * self.staying(u, age), mp.mpf(0), mp.mpf(t), self.beta + age)
        return self.p_alive(*history) * (self.r + x) / (self.alpha + age) * time

    def pmf(self, n: int, t: float) -> mp.mpf:
        """Of who stays, and of who leaves before."""
        end = mp.mpf(t)

        def bought(u: mp.mpf) -> mp.mpf:
            ways = mp.gamma(self.r + n) / mp.gamma(self.r) / mp.factorial(n)
            return ways * (self.alpha / (self.alpha + u)) ** self.r * (u / (self.alpha + u)) ** n

        def left(u: mp.mpf) -> mp.mpf:
            return bought(u) * self.s / (self.beta + u) * (self.beta / (self.beta + u)) ** self.s

        return bought(end) * (self.beta / (self.beta + end)) ** self.s + integral(left, mp.mpf(0), end, self.near)


def check(model: ParetoNBD, history: History, *, ahead: float, rate: float) -> None:
    """Every prediction of a customer."""
    direct = Direct(model)
    alive = direct.p_alive(*history)
    told = {
        "p_alive": (model.p_alive(*history), alive),
        "p_alive ahead": (model.p_alive(*history, ahead=ahead), alive * direct.staying(mp.mpf(ahead), history[2])),
        "purchases": (model.conditional_expected_purchases(ahead, *history), direct.purchases(ahead, 0, history)),
        "discounted": (
            model.discounted_expected_purchases(rate, ahead, *history),
            direct.purchases(ahead, rate, history),
        ),
        "dert": (model.dert(rate, *history), direct.purchases(60 / rate, rate, history)),
    }
    for name, (found, exact) in told.items():
        assert found == pytest.approx(float(exact), rel=1e-11, abs=1e-300), name
    assert 0 <= told["p_alive"][0] <= 1


@pytest.mark.parametrize(("parameters", "history"), CASES)
def test_named_cases(parameters: Parameters, history: History) -> None:
    """Where closed forms are singular, cancel or overflow."""
    check(ParetoNBD(*parameters), history, ahead=39.0, rate=0.002)


def between(chance: random.Random, low: float, high: float) -> float:
    """Evenly on the logarithm."""
    return exp(chance.uniform(log(low), log(high)))


@pytest.mark.parametrize("seed", range(10))
def test_random_cases(seed: int) -> None:
    """Parameters over four powers of ten."""
    chance = random.Random(seed)
    alpha = between(chance, 0.008, 60)
    model = ParetoNBD(
        r=between(chance, 0.05, 20),
        alpha=alpha,
        s=chance.choice([between(chance, 0.01, 20), 1.0]),
        beta=chance.choice([between(chance, 0.05, 100), alpha]),
    )
    x, age = chance.choice([0, 0, 1, 2, 7, 40, 300, 1000]), between(chance, 0.5, 300)
    t_x = age * chance.choice([chance.random(), 0.99, 1.0]) if x else 0.0
    check(model, (x, t_x, age), ahead=between(chance, 0.1, 500), rate=between(chance, 1e-4, 1))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 20, 100, 1000])
@pytest.mark.parametrize(
    ("parameters", "t"),
    [
        ((0.55, 10.58, 0.61, 11.67), 39.0),
        ((0.55, 10.58, 1.0, 10.58), 300.0),
        ((20.0, 0.008, 3.0, 0.5), 30.0),
        ((2.76, 8.7, 9.1, 0.16), 1.25),
        ((1000.0, 1000.0, 500.0, 9000.0), 52.0),
    ],
)
def test_the_chance_of_n_purchases(n: int, parameters: Parameters, t: float) -> None:
    """By who stays and who leaves before."""
    model = ParetoNBD(*parameters)
    assert model.pmf(n, t) == pytest.approx(float(Direct(model).pmf(n, t)), rel=1e-11, abs=1e-300)


def test_chances_add_up() -> None:
    """To 1, and to the purchases expected."""
    model = ParetoNBD(r=0.55, alpha=10.58, s=0.61, beta=11.67)
    chances = model.pmf(list(range(400)), 30)
    assert sum(chances) == pytest.approx(1, rel=1e-13)
    assert sum(n * chance for n, chance in enumerate(chances)) == pytest.approx(model.expected_purchases(30), rel=1e-12)
    assert model.pmf([0, 1], 0) == [1, 0]


def test_the_residual_lifetime_is_the_time_spent_alive() -> None:
    """∫ P(alive) over the time ahead, known in closed form where s > 1; infinite where it is not."""
    model = ParetoNBD(r=0.55, alpha=10.58, s=2.5, beta=11.67)
    direct = Direct(model)
    time = mp.quad(lambda u: direct.staying(u, 38.86), [0, 1, 10, 100, 1000, mp.inf])
    assert model.expected_residual_lifetime(2, 30.43, 38.86) == pytest.approx(
        float(direct.p_alive(2, 30.43, 38.86) * time), rel=1e-12
    )
    assert model.expected_residual_lifetime([2, 0], [30.43, 0], 38.86)[0] > 0
    for s in (1.0, 0.6):
        assert ParetoNBD(r=0.55, alpha=10.58, s=s, beta=11.67).expected_residual_lifetime(2, 30.43, 38.86) is None


def test_without_discounting() -> None:
    """A finite sum only where lifetimes have a mean; a finite horizon always."""
    model = ParetoNBD(r=0.55, alpha=10.58, s=2.5, beta=11.67)
    expected = float(Direct(model).p_alive(2, 30.43, 38.86)) * 2.55 / (10.58 + 38.86) * (11.67 + 38.86) / 1.5
    assert model.dert(0, 2, 30.43, 38.86) == pytest.approx(expected, rel=1e-12)
    assert model.dert(1e-9, 2, 30.43, 38.86) == pytest.approx(expected, rel=1e-4)
    assert model.discounted_expected_purchases(0, 39, 2, 30.43, 38.86) == pytest.approx(
        model.conditional_expected_purchases(39, 2, 30.43, 38.86), rel=1e-12
    )
    endless = ParetoNBD(r=0.55, alpha=10.58, s=1.0, beta=11.67)
    assert endless.dert([0, 0.01], [2, 2], [30.43] * 2, [38.86] * 2)[0] is None
    assert endless.dert(0.01, 2, 30.43, 38.86) > 0


def test_nothing_ahead() -> None:
    """No time, no purchases; and P(alive) as it is."""
    model = ParetoNBD(r=0.55, alpha=10.58, s=0.61, beta=11.67)
    assert model.conditional_expected_purchases(0, 2, 30.43, 38.86) == 0
    assert model.discounted_expected_purchases(0.01, 0, 2, 30.43, 38.86) == 0
    assert model.expected_purchases(0) == 0
    assert model.p_alive(2, 30.43, 38.86, ahead=[0.0]) == [pytest.approx(model.p_alive(2, 30.43, 38.86), rel=1e-15)]
