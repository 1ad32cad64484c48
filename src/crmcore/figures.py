"""Figures: draws columns from the store, as of any day, and hands them to ``crmcore.analytics``."""

from __future__ import annotations
