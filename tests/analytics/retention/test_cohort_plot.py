"""The heat map of a cohort table."""

from __future__ import annotations

from types import ModuleType

import pytest

from crmcore import Invalid
from crmcore.analytics.retention import CohortTable, cohorts

ORDERS = [
    {"customer": who, "at": day, "amount": amount}
    for who, day, amount in [
        ("ada", "2026-01-05", 20), ("ada", "2026-02-09", 30), ("bob", "2026-01-20", 5), ("cyd", "2026-02-02", 9),
    ]
]  # fmt: skip


def table(**options: object) -> CohortTable:
    """A small one."""
    return cohorts(ORDERS, **{"end": "2026-02-28", **options})


def written(axes: object) -> list[str]:
    """What stands in the cells."""
    return [text.get_text() for text in axes.texts]


def test_a_cell_says_its_share(pyplot: ModuleType) -> None:
    """And an empty one nothing."""
    axes = table().plot()

    assert written(axes) == ["100%", "50%", "100%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["2026-01  (2)", "2026-02  (1)"]
    assert axes.get_title() == "Retention"
    assert axes.get_xlabel() == "months since the first purchase"


def test_it_draws_where_it_is_told(pyplot: ModuleType) -> None:
    """Any measure, on the Axes given."""
    _, mine = pyplot.subplots()
    axes = table(amount="amount", currency="EUR").plot(mine, measure="revenue")

    assert axes is mine
    assert written(axes) == ["25", "30", "9"]
    assert axes.get_title() == "Revenue, EUR"
    assert written(table().plot(measure="active")) == ["2", "1", "1"]


def test_a_table_of_nothing_but_nothing_is_drawn(pyplot: ModuleType) -> None:
    """No revenue at all is still a colour."""
    free = [{**order, "amount": 0} for order in ORDERS]
    axes = cohorts(free, end="2026-02-28", amount="amount", currency="EUR").plot(measure="revenue")

    assert written(axes) == ["0", "0", "0"]


def test_a_large_table_has_no_figures_in_its_cells(pyplot: ModuleType) -> None:
    """They would not be legible, nor would a label for every row."""
    many = [{"customer": i, "at": f"{1980 + i // 12}-{i % 12 + 1:02}-01"} for i in range(45)]
    axes = cohorts(many, end="1983-09-30").plot()

    assert written(axes) == []
    assert len(axes.get_yticklabels()) == 23


def test_nothing_to_draw_is_refused(pyplot: ModuleType) -> None:
    """With what would help."""
    with pytest.raises(Invalid, match="partial=True"):
        table(end="2026-01-25").plot()


@pytest.mark.usefixtures("without_matplotlib")
def test_without_matplotlib_it_says_what_to_install() -> None:
    """In one line."""
    with pytest.raises(Invalid, match=r'pip install "crmcore\[plot\]"') as refused:
        table().plot()

    assert len(str(refused.value).splitlines()) == 1
