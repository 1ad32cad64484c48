"""What a pipeline report costs beside the same figures written in pandas by hand.

``python tests/benchmarks/bench_pipeline.py`` reports on the same deals both ways.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd
from side_by_side import Line, quickest, show, speed

from crmcore.analytics import pipeline
from crmcore.kernel.money import Money

DEALS = 8_800
ROUNDS = 21
STAGES = ["lead", "demo", "offer"]
SUMS = ["deals", "open", "won", "lost", "unvalued", "open_value", "weighted_open_value", "won_value", "lost_value"]


def table(chance: random.Random) -> dict[str, list[object]]:
    """Deals as text, as a CSV file holds them: half of them won, some cells missing."""
    columns: dict[str, list[object]] = {
        name: [] for name in ("id", "status", "stage", "opened_at", "closed_at", "amount", "probability", "owner")
    }
    for row in range(DEALS):
        status = chance.choices(["won", "lost", "open"], [48, 28, 24])[0]
        opened = date(2025, 1, 1) + timedelta(days=chance.randrange(400))
        closed = opened + timedelta(days=chance.randrange(140))
        columns["id"].append(f"D{row:06}")
        columns["status"].append(status)
        columns["stage"].append(chance.choice(STAGES) if status == "open" else status)
        columns["opened_at"].append("" if status == "open" and chance.random() < 0.2 else opened.isoformat())
        columns["closed_at"].append("" if status == "open" else closed.isoformat())
        columns["amount"].append(
            "" if status == "open" and chance.random() < 0.3 else str(chance.randrange(20, 30_000))
        )
        columns["probability"].append(chance.choice(["0.1", "0.25", "0.6"]) if status == "open" else "")
        columns["owner"].append(f"owner {chance.randrange(30)}")
    return columns


def typed(columns: dict[str, list[object]]) -> pd.DataFrame:
    """The table with the types pandas needs."""
    frame = pd.DataFrame(columns)
    for name in ("opened_at", "closed_at"):
        frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d", errors="coerce")
    for name in ("amount", "probability"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def by_hand(frame: pd.DataFrame) -> dict[str, Any]:
    """The figures of a report, written straight down."""
    is_open, won, lost = (frame[frame.status == status] for status in ("open", "won", "lost"))
    cycles = {
        name: (part.closed_at - part.opened_at).dt.total_seconds().dropna() / 86_400
        for name, part in (("won", won), ("lost", lost))
    }
    place = frame.stage.map({stage: i for i, stage in enumerate(STAGES)}).where(frame.status == "open")
    depth = place.mask(frame.status == "won", len(STAGES)).fillna(0)
    closed = len(won) + len(lost)
    won_value = won.amount.sum()
    return {
        "deals": len(frame),
        "open": len(is_open),
        "won": len(won),
        "lost": len(lost),
        "unvalued": int(is_open.amount.isna().sum()),
        "unweighted": int(is_open.probability.isna().sum()),
        "undated": int(frame.opened_at.isna().sum()),
        "open_value": is_open.amount.sum(),
        "weighted_open_value": (is_open.amount * is_open.probability).sum(),
        "won_value": won_value,
        "lost_value": lost.amount.sum(),
        "win_rate": len(won) / closed,
        "win_rate_by_value": won_value / (won_value + lost.amount.sum()),
        "average_won": won.amount.mean(),
        "won_cycle": (cycles["won"].mean(), cycles["won"].median(), len(cycles["won"])),
        "lost_cycle": (cycles["lost"].mean(), cycles["lost"].median(), len(cycles["lost"])),
        "velocity": won_value / cycles["won"].mean(),
        "open_velocity": len(is_open) * len(won) / closed * won.amount.mean() / cycles["won"].mean(),
        "reached": [int((depth >= k).sum()) for k in range(len(STAGES) + 1)],
    }


def check(columns: dict[str, list[object]]) -> None:
    """Both ways say the same."""
    report, hand = pipeline(columns, currency="EUR", stages=STAGES), by_hand(typed(columns))
    for name in SUMS:
        figure = getattr(report, name)
        found = float(figure.amount) if isinstance(figure, Money) else figure
        assert abs(found - hand[name]) < DEALS * 0.01, name
    assert list(report.reached.values()) == hand["reached"]
    assert report.win_rate == hand["win_rate"]
    assert report.won_cycle_days is not None
    assert abs(report.won_cycle_days.mean - hand["won_cycle"][0]) < 1e-9


def lines() -> Iterator[Line]:
    """One line for each task."""
    columns = table(random.Random(1))
    frame = typed(columns)
    check(columns)
    tasks: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "text columns": (
            lambda: pipeline(columns, currency="EUR", stages=STAGES),
            lambda: by_hand(typed(columns)),
        ),
        "a typed DataFrame": (
            lambda: pipeline(frame, currency="EUR", stages=STAGES),
            lambda: by_hand(frame),
        ),
        "text columns, by 30 owners": (
            lambda: pipeline(columns, currency="EUR", stages=STAGES, by="owner"),
            lambda: [by_hand(part) for _, part in typed(columns).groupby("owner")],
        ),
    }
    for name, works in tasks.items():
        ours, theirs = quickest(works, ROUNDS)
        yield speed(f"a report on {DEALS:,} deals: {name}", "the same figures by hand in pandas", ours, theirs)


if __name__ == "__main__":
    show(lines())
