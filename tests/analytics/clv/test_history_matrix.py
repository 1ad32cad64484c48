"""Every history that customers of one age can have: as figures, as text, as a picture."""

from __future__ import annotations

from types import ModuleType

import pytest

from crmcore import Invalid
from crmcore.analytics.clv import BGBB, BGNBD
from crmcore.analytics.clv.history_matrix import expected_purchases_matrix, p_alive_matrix

MODEL = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")


def test_p_alive_of_every_history() -> None:
    """As the model has it for each alone."""
    matrix = p_alive_matrix(MODEL, "39 weeks", max_x=6)

    assert repr(matrix) == "<HistoryMatrix of p_alive: x 1 to 6, t_x to 39, T 39>"
    assert matrix.x == (1, 2, 3, 4, 5, 6)
    assert matrix.t_x[-1] == matrix.T == 39
    assert matrix.one_time == 1
    for t_x, row in zip(matrix.t_x[::10], matrix.values[::10], strict=True):
        assert row == pytest.approx([MODEL.p_alive(x, t_x, 39) for x in matrix.x], rel=1e-12)


def test_expected_purchases_of_every_history() -> None:
    """In a time of the calendar."""
    matrix = expected_purchases_matrix(MODEL, t="3 months", T=39, max_x=3)

    assert matrix.t == pytest.approx(13.044642857)
    assert matrix.values[-1][2] == pytest.approx(MODEL.conditional_expected_purchases("3 months", 3, 39, 39), rel=1e-10)
    assert matrix.one_time == MODEL.conditional_expected_purchases("3 months", 0, 0, 39)


def test_where_customers_may_buy_once_a_period() -> None:
    """Nobody bought more often than there were periods: such cells are empty."""
    model = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")

    matrix = p_alive_matrix(model, "6 years", max_x=8)

    assert matrix.t_x == (1, 2, 3, 4, 5, 6)
    assert matrix.values[1] == (model.p_alive(1, 2, 6), model.p_alive(2, 2, 6), *[None] * 6)
    assert matrix.one_time == model.p_alive(0, 0, 6)
    assert len(matrix.to_dicts()) == 1 + 21
    assert str(matrix).splitlines()[-1].split() == ["1.00", f"{model.p_alive(1, 1, 6):.3f}", *["–"] * 7]
    with pytest.raises(Invalid, match=r"n 5\.5"):
        p_alive_matrix(model, 5.5)


def test_as_rows() -> None:
    """One a history, one-time buyers first."""
    rows = p_alive_matrix(MODEL, 39, max_x=2).to_dicts()

    assert rows[0] == {"x": 0, "t_x": 0, "T": 39, "p_alive": 1}
    assert rows[1] == {"x": 1, "t_x": 0.75, "T": 39, "p_alive": MODEL.p_alive(1, 0.75, 39)}
    assert len(rows) == 1 + 2 * 52


def test_as_text() -> None:
    """The latest purchases on top, no more columns than can be read."""
    title, heading, first, *_ = str(p_alive_matrix(MODEL, 39, max_x=20)).splitlines()

    assert title == "p_alive at T = 39, t_x downwards, x to the right; one-time buyers: 1.000"
    assert heading.split() == ["t_x", "1", "3", "5", "7", "9", "11", "13", "15", "17", "19"]
    assert first.split()[:2] == ["36.00", "0.737"]


def test_a_fit_stands_for_its_model() -> None:
    """No need to take it out."""
    fit = BGNBD.fit({"x": [0, 1, 3, 5], "t_x": [0, 9.0, 20.0, 30.0], "T": [39.0] * 4}, penalty=0.1)

    assert p_alive_matrix(fit, 39, max_x=1).values == p_alive_matrix(fit.model, 39, max_x=1).values


def test_what_does_not_fit_is_refused() -> None:
    """Each with its mend."""
    with pytest.raises(Invalid, match="model: got 'str'"):
        p_alive_matrix("BGNBD", 39)
    for most in (0, 1001, 2.0, True):
        with pytest.raises(Invalid, match="max_x"):
            p_alive_matrix(MODEL, 39, max_x=most)
    with pytest.raises(Invalid, match="T: "):
        p_alive_matrix(MODEL, -1)
    with pytest.raises(Invalid, match="count t in"):
        expected_purchases_matrix(BGNBD(r=1, alpha=1, a=1, b=1), "3 months", 39)


def test_the_picture_of_p_alive(pyplot: ModuleType) -> None:
    """Its colours are the figures, from 0 to 1; its axes say what they are in."""
    matrix = p_alive_matrix(MODEL, "39 weeks", max_x=6)

    axes = matrix.plot()

    (image,) = axes.images
    assert image.get_array().tolist() == [list(row) for row in matrix.values]
    assert image.get_clim() == (0, 1)
    assert axes.get_title() == "P(alive) at an age of 39 weeks\n(one-time buyers, x = 0: 100%)"
    assert axes.get_xlabel() == "repeat purchases (x)"
    assert axes.get_ylabel() == "age at the last purchase (t_x), weeks"
    assert axes.figure.axes[1].get_ylabel() == "P(alive)"


def test_what_cannot_be_is_left_empty(pyplot: ModuleType) -> None:
    """Neither 0 nor anything else."""
    from math import isnan

    model = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")

    (image,) = expected_purchases_matrix(model, 5, 1, max_x=2).plot().images
    ((first, second),) = image.get_array().tolist()
    assert first == model.conditional_expected_purchases(5, 1, 1, 1)
    assert second is None or isnan(second)


def test_the_picture_of_expected_purchases(pyplot: ModuleType) -> None:
    """On the Axes it is given; without a unit none is said."""
    from matplotlib.figure import Figure

    given = Figure().subplots()
    model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)

    axes = expected_purchases_matrix(model, 13, 39, max_x=2).plot(given)

    assert axes is given
    assert axes.get_title() == "Purchases expected in 13 at an age of 39\n(one-time buyers, x = 0: 0.07)"
    assert axes.get_ylabel() == "age at the last purchase (t_x)"
    assert axes.figure.axes[1].get_ylabel() == "purchases expected"
    assert pyplot.get_fignums() == []


@pytest.mark.usefixtures("without_matplotlib")
def test_without_matplotlib() -> None:
    """One line says what to install."""
    with pytest.raises(Invalid, match=r'pip install "crmcore\[plot\]"'):
        p_alive_matrix(MODEL, 39, max_x=2).plot()
