"""What customers did beside what a model expects: the pictures show the figures of the tables."""

from __future__ import annotations

from datetime import date
from math import isnan
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from crmcore import Invalid
from crmcore.analytics.clv.tracked import Tracking
from crmcore.analytics.clv.unit import Unit
from crmcore.analytics.clv.validation import CalibrationTable, FrequencyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FREQUENCIES = FrequencyTable(x=(0, 1, 2), actual=(1400, 430, 520), expected=(1390.4, 444.1, 515.5))
HOLDOUT = CalibrationTable(
    x=(0, 1, 2), customers=(10, 0, 3), actual=(0.2, None, 2.5), expected=(0.25, None, 2.25), T_holdout=39.0
)
WEEKS = Tracking(
    period=(1, 2, 3),
    end=(date(2026, 1, 11), date(2026, 1, 18), date(2026, 1, 25)),
    actual=(0, 4, 3),
    expected=(0.5, 3.0, 3.5),
    cumulative_actual=(0, 4, 7),
    cumulative_expected=(0.5, 3.5, 7.0),
    customers=40,
    calibration_end=date(2026, 1, 18),
    unit=Unit.of("week"),
)


def legend(axes: Axes) -> list[str]:
    """What is written in the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_frequency_table(pyplot: ModuleType) -> None:
    """Two bars for each number of purchases, the last of which stands for more."""
    axes = FREQUENCIES.plot()

    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [list(FREQUENCIES.actual), list(FREQUENCIES.expected)]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "2+"]
    assert axes.get_title() == "Customers by number of repeat purchases"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("repeat purchases (x)", "customers")
    assert legend(axes) == ["actual", "expected"]


def test_of_many_numbers_some_are_written(pyplot: ModuleType) -> None:
    """The last always, and no more than fit."""
    many = FrequencyTable(x=tuple(range(46)), actual=(1,) * 46, expected=(1.0,) * 46)

    written = [tick.get_text() for tick in many.plot().get_xticklabels()]
    assert written[0] == "0"
    assert written[-1] == "45+"
    assert len(written) == 16


def test_a_calibration_table(pyplot: ModuleType) -> None:
    """A line for each, with a gap where there is nobody; on the Axes it is given."""
    given = pyplot.subplots()[1]

    axes = HOLDOUT.plot(given)

    assert axes is given
    actual, expected = (line.get_ydata().tolist() for line in axes.lines)
    assert (actual[0], actual[2], expected[0], expected[2]) == (0.2, 2.5, 0.25, 2.25)
    assert isnan(actual[1])
    assert axes.get_ylim()[0] == 0
    assert axes.get_title() == "Purchases in the holdout, by purchases before it"
    assert axes.get_xlabel() == "repeat purchases in the calibration (x)"
    assert axes.get_ylabel() == "mean purchases in the holdout"


@pytest.mark.parametrize(
    ("cumulative", "title"), [(False, "Repeat purchases of each week"), (True, "Repeat purchases until each day")]
)
def test_tracking(pyplot: ModuleType, *, cumulative: bool, title: str) -> None:
    """Over time, with a line where the calibration ends."""
    axes = WEEKS.plot(cumulative=cumulative)
    axes.figure.canvas.draw()

    actual, expected, calibration = axes.lines
    prefix = "cumulative_" if cumulative else ""
    assert actual.get_ydata().tolist() == list(getattr(WEEKS, f"{prefix}actual"))
    assert expected.get_ydata().tolist() == list(getattr(WEEKS, f"{prefix}expected"))
    from matplotlib.dates import num2date

    assert [num2date(day).date() for day in actual.get_xdata()] == list(WEEKS.end)
    assert {num2date(day).date() for day in calibration.get_xdata()} == {date(2026, 1, 18)}
    assert legend(axes) == ["actual", "expected", "end of the calibration"]
    assert axes.get_title() == title
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("last day of the week", "repeat purchases")


def test_tracking_without_a_calibration(pyplot: ModuleType) -> None:
    """There is no such line."""
    import attrs

    axes = attrs.evolve(WEEKS, calibration_end=None).plot()

    assert legend(axes) == ["actual", "expected"]


@pytest.mark.usefixtures("without_matplotlib")
@pytest.mark.parametrize("table", [FREQUENCIES, HOLDOUT, WEEKS], ids=lambda table: type(table).__name__)
def test_without_matplotlib(table: FrequencyTable | CalibrationTable | Tracking) -> None:
    """One line says what to install."""
    with pytest.raises(Invalid, match=r'pip install "crmcore\[plot\]"'):
        table.plot()
