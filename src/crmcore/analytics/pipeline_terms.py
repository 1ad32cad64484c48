"""What each figure of a pipeline means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFINITIONS"]

DEFINITIONS: Mapping[str, str] = FrozenMap(
    {
        "deals": "Open, won and lost deals together; with a period, the closed ones are those closed in it.",
        "open": "Deals that are neither won nor lost at the as-of.",
        "won": "Deals won, each once, in the period of its last closing.",
        "lost": "Deals lost, each once, in the period of its last closing.",
        "undated": "Deals without an opening date. They count everywhere but in cycles and in the cohort of a period.",
        "no_account": "Deals that name no account. They count everywhere.",
        "unvalued": "Open deals without an amount. They are in no value and no average.",
        "unweighted": "Open deals without a probability that held at the as-of. They are in no weighted value.",
        "open_value": "The sum of the amounts of the open deals that have one; undefined when none of them has.",
        "weighted_open_value": "The sum over open deals of amount times probability, each rounded half-even to minor "
        "units, so that the parts re-add to the whole; undefined when none of them has both.",
        "weighted_value": "The weighted open value plus the won value: a won deal counts its amount, a lost one 0.",
        "win_rate": "Won deals / (won + lost deals), by count.",
        "win_rate_by_value": "Won value / (won value + lost value).",
        "won_value": "The sum of the amounts of the won deals that have one.",
        "lost_value": "The sum of the amounts of the lost deals that have one.",
        "average_won": "Won value / won deals with an amount.",
        "won_cycle_days": "Days of 24 hours from opened to won; between two bare dates, calendar days. "
        "The median is of type 7.",
        "lost_cycle_days": "Days of 24 hours from opened to lost; between two bare dates, calendar days. "
        "The median is of type 7.",
        "velocity": "Won value / mean won cycle, per day: deals closed × win rate × average won amount / mean won "
        "cycle, with every won deal valued.",
        "open_velocity": "Open deals × win rate × average won amount / mean won cycle, per day.",
        "reached": "Deals of the cohort that entered a stage or any later one. Won deals have reached every stage; "
        "lost and open ones what their history and their own stage show, at least the first.",
        "cohort": "Stage conversion of the deals opened in the period, as of the as-of: of those that reached a stage, "
        "the share that reached the next.",
        "snapshot": "Stage conversion of the deals that were opened, entered a stage or closed in the period, as of "
        "its end: of those that reached a stage, the share that reached the next.",
        "time_in_stage": "Days a deal of the cohort spends in a stage, its visits added up. A visit that goes on at "
        "the as-of is right-censored: the median is Kaplan-Meier's, the mean is of the deals that left.",
        "bottleneck": "The open stage with the lowest conversion in the cohort, among stages reached by at least n_min "
        "deals; the earliest on a tie. Undefined when most of its lost deals have no stage history.",
    }
)
