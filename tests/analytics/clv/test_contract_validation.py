"""The share of customers left after each renewal, beside that expected: as figures and as a picture."""

from __future__ import annotations

from types import ModuleType

import pytest

from crmcore import Invalid
from crmcore.analytics.clv.contract_validation import survivor_table
from crmcore.analytics.clv.contractual import SBG, BdW

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
SIMPLE = SBG(alpha=0.668, beta=3.806)


def test_what_was_seen_and_what_is_expected() -> None:
    """Also ahead of what was seen."""
    table = survivor_table(SIMPLE, HIGH_END, until=9)

    assert table.model == "SBG"
    assert table.t == tuple(range(10))
    assert table.actual[:8] == pytest.approx([count / 1000 for count in HIGH_END])
    assert table.actual[8:] == (None, None)
    assert table.expected == tuple(SIMPLE.survival(list(range(10))))
    assert len(survivor_table(SIMPLE, HIGH_END)) == 8
    assert len(survivor_table(SIMPLE, HIGH_END, until=2)) == 3


def test_of_several_cohorts_each_counts_as_long_as_it_was_seen() -> None:
    """As in a Kaplan-Meier curve: 949 of 1,100 stay, then 743 of 869 do."""
    table = survivor_table(SIMPLE, [[1000, 869, 743], [100, 80]])

    assert table.actual == pytest.approx([1, 949 / 1100, 949 / 1100 * 743 / 869])


def test_as_rows_and_as_text() -> None:
    """A dash where nothing was seen yet."""
    table = survivor_table(SBG.fit(HIGH_END), HIGH_END[:2], until=2)

    assert table.to_dicts()[1]["actual"] == 0.869
    assert str(table).splitlines()[0] == "customers left, actual and by SBG"
    assert str(table).splitlines()[-1].split()[:2] == ["2", "–"]


@pytest.mark.parametrize("until", [-1, 2.0, True, 10_001])
def test_until_is_a_number_of_renewals(until: int) -> None:
    """Of a reasonable size."""
    with pytest.raises(Invalid, match="until"):
        survivor_table(SIMPLE, HIGH_END, until=until)


def test_another_model_is_refused() -> None:
    """Also one that happens to know a survival."""

    class Other:
        survival = 1

    for given in ("SBG", Other()):
        with pytest.raises(Invalid, match="model"):
            survivor_table(given, HIGH_END)


def test_marks_for_what_was_seen_and_a_line_for_each_model(pyplot: ModuleType) -> None:
    """Beside each other on the same Axes, the marks once."""
    first, second = (
        survivor_table(kind, HIGH_END, until=12) for kind in (SIMPLE, BdW(alpha=0.259, beta=1.722, c=1.584))
    )

    axes = first.plot()
    assert second.plot(axes) is axes

    assert [line.get_ydata().tolist() for line in axes.lines] == [list(first.expected), list(second.expected)]
    (marks,) = axes.collections
    assert marks.get_offsets()[:, 1].tolist() == list(first.actual[:8])
    assert len({*(line.get_color() for line in axes.lines)}) == 2
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["actual", "expected by SBG", "expected by BdW"]
    assert axes.get_title() == "Customers left after each renewal"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("renewals", "share of customers left")


@pytest.mark.usefixtures("without_matplotlib")
def test_without_matplotlib() -> None:
    """One line says what to install."""
    with pytest.raises(Invalid, match=r'pip install "crmcore\[plot\]"'):
        survivor_table(SIMPLE, HIGH_END).plot()
