"""What acts that record facts are told: about whom, and on which day it was."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs

from crmcore.kernel.calendar import day, today
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import Record
from crmcore.kernel.values import read_text

__all__ = ["given_day", "id_of", "past_day", "yet_to_come"]


def id_of(record: object, *, path: str = "record") -> str:
    """The id of a record of any kind.

    Args:
        record: The record, or its id.
        path: What it is, for the message.

    Raises:
        Invalid: It is neither.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.kernel.facts import id_of
        >>> acme = CRM().accounts.add(name="Acme")
        >>> id_of(acme) == id_of(acme.id) == acme.id
        True
    """
    if isinstance(record, Record):
        return record.id
    if isinstance(record, str):
        return read_text(record, path=path, empty=False)
    raise Invalid([Problem(path, type(record).__name__, "a record or its id", "pass one")])


def yet_to_come(path: str, value: date | None, context: Context[Any]) -> list[Problem]:
    """What is wrong with the day of a fact: nothing, unless it lies in the future.

    Args:
        path: What the day is called.
        value: The day; None for none.
        context: The circumstances, whose time and zone say which day it is.
    """
    now = today(context.at, context.zone)
    if value is None or value <= now:
        return []
    return [Problem(path, value.isoformat(), f"a day that has come, {now.isoformat()} at the latest", "record it then")]


def given_day(value: date | str | None, context: Context[Any], *, path: str) -> date:
    """A day somebody gave.

    Args:
        value: The day; None for the day it is in the business's zone.
        context: The circumstances.
        path: What the day is called.

    Raises:
        Invalid: It is no day.
    """
    if value is None:
        return today(context.at, context.zone)
    try:
        return day(value)
    except Invalid as error:
        raise Invalid([attrs.evolve(one, path=path) for one in error.problems]) from error


def past_day(value: date | str | None, context: Context[Any], *, path: str) -> date:
    """The day of a fact, which has come.

    Args:
        value: The day; None for the day it is in the business's zone.
        context: The circumstances.
        path: What the day is called.

    Raises:
        Invalid: It is no day, or lies in the future.
    """
    found = given_day(value, context, path=path)
    problems = yet_to_come(path, found, context)
    if problems:
        raise Invalid(problems)
    return found
