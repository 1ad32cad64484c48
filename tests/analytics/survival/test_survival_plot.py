"""Survival curves as pictures: what is drawn is what the result says."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from crmcore import Invalid
from crmcore.analytics.survival import kaplan_meier, plot_survival

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

DURATIONS, OBSERVED = [6, 6, 6, 6, 7, 9, 10, 10, 11], [1, 1, 1, 0, 1, 0, 1, 0, 0]
CURVE = kaplan_meier(DURATIONS, OBSERVED, unit="weeks")
OTHER = kaplan_meier([2, 12, 30], [1, 0, 1], unit="weeks")


def steps(axes: Axes) -> list[Line2D]:
    """The curves of a picture."""
    return [line for line in axes.lines if line.get_drawstyle() == "steps-post"]


def test_a_curve_starts_at_one_and_steps_down_at_each_duration(pyplot: ModuleType) -> None:
    """In the unit of the durations, as a share."""
    axes = CURVE.plot()
    axes.figure.canvas.draw()

    (line,) = steps(axes)
    assert list(line.get_xdata()) == [0, *CURVE.times]
    assert list(line.get_ydata()) == [1, *CURVE.survival]
    assert axes.get_title() == "Survival (Kaplan-Meier, 95 % limits)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("duration, weeks", "share lasting longer")
    assert "100%" in [tick.get_text() for tick in axes.get_yticklabels()]
    assert axes.get_legend() is None


def test_the_band_is_between_the_limits(pyplot: ModuleType) -> None:
    """Both of them stand among its corners."""
    (band,) = CURVE.plot().collections

    heights = {float(y) for _, y in band.get_paths()[0].vertices}
    assert heights >= {*CURVE.lower, *CURVE.upper}


def test_strokes_where_somebody_was_last_seen_still_running(pyplot: ModuleType) -> None:
    """On the curve; none where there are none, or too many to tell apart."""
    _, strokes = CURVE.plot().lines

    assert list(strokes.get_xdata()) == [6, 9, 10, 11]
    assert strokes.get_marker() == "|"
    assert len(kaplan_meier([1, 2], [1, 1]).plot().lines) == 1
    assert len(kaplan_meier(range(1, 400), [0] * 399).plot().lines) == 1


def test_curves_beside_each_other(pyplot: ModuleType) -> None:
    """On the same Axes, each in its own colour, named in the legend, none cut off."""
    axes = pyplot.subplots()[1]

    assert CURVE.plot(axes, label="monthly") is axes
    assert OTHER.plot(axes, label="yearly", color="black") is axes

    first, second = steps(axes)
    assert (first.get_color(), second.get_color()) == ("#0072B2", "black")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["monthly", "yearly"]
    assert axes.get_xlim()[1] > 30
    assert axes.get_xlim()[0] == 0


def test_groups_with_those_at_risk_below(pyplot: ModuleType) -> None:
    """For each of them, at each tick that is in the picture."""
    axes = plot_survival({"monthly": CURVE, "yearly": OTHER}, at_risk=True)

    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= 30]
    texts = [text.get_text() for text in axes.texts]
    assert ticks[:3] == [0, 5, 10]
    assert texts[0] == "monthly"
    assert texts[1:4] == ["9", "9", "3"]
    assert texts[len(ticks)] == "0"
    assert texts[len(ticks) + 1 : len(ticks) + 5] == ["yearly", "3", "2", "2"]
    assert texts[-1] == "at risk"


def test_nobody_at_risk_is_told_unless_asked(pyplot: ModuleType) -> None:
    """Then the curves have all the room."""
    axes = plot_survival({"monthly": CURVE, "yearly": OTHER})

    assert len(steps(axes)) == 2
    assert not axes.texts


def test_nothing_was_observed(pyplot: ModuleType) -> None:
    """An empty curve is 1 throughout."""
    axes = plot_survival({"nobody": kaplan_meier([], [])}, at_risk=True)

    assert axes.get_xlim() == (0, 1)
    assert axes.get_xlabel() == "duration"


def test_no_curves(pyplot: ModuleType) -> None:
    """Nothing to draw, or something else."""
    for given, found in (({}, "none"), ({"monthly": [1, 0.5], "yearly": OTHER}, "list"), ([OTHER], "list")):
        with pytest.raises(Invalid, match=f"curves: got '{found}', expected survival curves by group"):
            plot_survival(given)


@pytest.mark.usefixtures("without_matplotlib")
def test_without_matplotlib() -> None:
    """One line says what to install."""
    with pytest.raises(Invalid, match=r'pip install "crmcore\[plot\]"'):
        CURVE.plot()
