"""What all pictures share: Axes in and out, and one line when matplotlib is not there."""

from __future__ import annotations

from types import ModuleType

import pytest

from crmcore import Invalid
from crmcore.analytics.drawing import PALETTE, axes_for, color_of, light_grid, part_of_matplotlib


def test_axes_of_the_caller_are_drawn_on(pyplot: ModuleType) -> None:
    """They come back, and pyplot makes no figure of its own."""
    from matplotlib.figure import Figure

    given = Figure().subplots()

    assert axes_for(given) is given
    assert pyplot.get_fignums() == []


def test_new_axes_have_a_figure_that_pyplot_shows(pyplot: ModuleType) -> None:
    """Six by four inches, unless the picture needs more room."""
    axes = axes_for(None)

    assert pyplot.gcf() is axes.figure
    assert tuple(axes.figure.get_size_inches()) == (6, 4)
    assert tuple(axes_for(None, (3, 2)).figure.get_size_inches()) == (3, 2)


def test_no_axes(pyplot: ModuleType) -> None:
    """Such as the figure, or what subplots gave as a whole."""
    for given in (pyplot.figure(), pyplot.subplots(), 1):
        with pytest.raises(Invalid, match=r"ax: .*expected Axes of matplotlib"):
            axes_for(given)


@pytest.mark.usefixtures("without_matplotlib")
def test_without_matplotlib_one_line_says_what_to_install() -> None:
    """Nothing else than that."""
    with pytest.raises(Invalid) as caught:
        axes_for(None)

    assert 'pip install "crmcore[plot]"' in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(Invalid, match="matplotlib installed"):
        part_of_matplotlib("ticker")


def test_colours_begin_again_after_the_last() -> None:
    """There are seven that everybody can tell apart."""
    assert [color_of(0), color_of(len(PALETTE) - 1), color_of(len(PALETTE))] == [PALETTE[0], PALETTE[-1], PALETTE[0]]


def test_a_light_grid(pyplot: ModuleType) -> None:
    """Lines to read heights by, no box."""
    axes = axes_for(None)

    light_grid(axes)

    assert not axes.spines["top"].get_visible()
    assert axes.yaxis.get_gridlines()[0].get_visible()
