"""Custom fields: what a business keeps of its records beside the fields their kinds have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import get_args

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_values import kind_of_value, plain
from crmcore.kernel.where import FieldType, Filter

__all__ = ["FIELD_TYPES", "CustomField"]

FIELD_TYPES: tuple[FieldType, ...] = get_args(FieldType)
"""What a custom field may hold."""

TEXTS = ("text", "texts")
NUMBERS = ("integer", "decimal", "money")
HOLDERS = {"choices": TEXTS, "longest": TEXTS, "minimum": NUMBERS, "maximum": NUMBERS}
"""The types of field that each limit is for."""

LONGEST_CHOICE = 1_000
LONGEST_LABEL = 100
LARGEST_INTEGER = 2**63


def _listed(choices: Iterable[str]) -> tuple[str, ...]:
    """Choices as a tuple; what is no list is kept, to be listed among the problems."""
    return tuple(choices) if isinstance(choices, (list, tuple)) else choices  # type: ignore[return-value]


@attrs.frozen
class CustomField:
    """A field that a business added to a kind of record: what it holds, and which records need it.

    Attributes:
        type: What it holds: ``"text"``, ``"integer"``, ``"decimal"``, ``"money"``, ``"boolean"``, ``"date"``,
            ``"instant"`` or ``"texts"``.
        required: Whether every record needs a value.
        required_when: Which records need a value: those that match this filter.
        choices: The texts it may hold; none at all for any.
        label: What people call it.
        longest: The longest text it takes, in characters.
        minimum: The least number it takes; of money, only 0 makes sense.
        maximum: The greatest number it takes; of money, only 0 makes sense.
        personal: Whether it is about a person: masked in messages, exported and erased on demand.

    Raises:
        Invalid: A part is of no such type, or does not go with the others: every problem at once.

    Example:
        >>> from crmcore import CRM, F, Playbook
        >>> from crmcore.kernel.custom_field import CustomField
        >>> churn = CustomField("text", required_when=F.status == "lost", choices=("price", "features"))
        >>> crm = CRM(playbook=Playbook(custom={"opportunity": {"churn": churn, "region": "text"}}))
        >>> roof = crm.opportunities.add(name="Roof", custom={"region": "north"})
        >>> crm.opportunities.lose(roof, reason="price")
        Traceback (most recent call last):
        crmcore.kernel.errors.Invalid: custom.churn: got None, expected a value, which every opportunity requires ...
        >>> roof = crm.opportunities.update(roof, custom={"churn": "price"})
        >>> crm.opportunities.lose(roof, reason="price").status
        'lost'
    """

    type: FieldType
    required: bool = attrs.field(default=False, kw_only=True)
    required_when: Filter | None = attrs.field(default=None, kw_only=True)
    choices: tuple[str, ...] = attrs.field(default=(), converter=_listed, kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)
    longest: int | None = attrs.field(default=None, kw_only=True)
    minimum: int | None = attrs.field(default=None, kw_only=True)
    maximum: int | None = attrs.field(default=None, kw_only=True)
    personal: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check it once, when it is made."""
        problems = [*self._type_problems(), *self._need_problems(), *self._text_problems(), *self._number_problems()]
        if problems:
            raise Invalid(problems)

    @property
    def needed(self) -> bool:
        """Whether any record needs it."""
        return self.required or self.required_when is not None

    def _type_problems(self) -> Iterator[Problem]:
        """An unknown type, and limits that are not for it."""
        if not (isinstance(self.type, str) and self.type in FIELD_TYPES):
            yield Problem("type", self.type, f"one of {', '.join(FIELD_TYPES)}", "choose one of them")
            return
        for name, types in HOLDERS.items():
            value = getattr(self, name)
            if value not in (None, ()) and self.type not in types:
                yield Problem(name, value, f"a field of type {' or '.join(types)}", f"leave {name} out")

    def _need_problems(self) -> Iterator[Problem]:
        """What is wrong with whom it is required of."""
        always: object = self.required
        when: object = self.required_when
        if not isinstance(always, bool):
            yield Problem("required", always, "True or False", "write a filter as required_when")
        personal: object = self.personal
        if not isinstance(personal, bool):
            yield Problem("personal", personal, "True or False", "give a bool")
        if when is not None and not isinstance(when, Filter):
            yield Problem("required_when", kind_of_value(when), "a filter", 'write F.status == "won"')
        elif when is not None and always is True:
            yield Problem("required_when", str(when), "nothing beside required=True", "leave one of them out")

    def _text_problems(self) -> Iterator[Problem]:
        """What is wrong with its words."""
        choices: object = self.choices
        if not isinstance(choices, tuple):
            yield Problem("choices", kind_of_value(choices), "texts", "put them in a list, in their order")
            choices = ()
        for choice in choices:
            if not _readable(choice, LONGEST_CHOICE):
                yield Problem("choices", choice, f"texts of 1 to {LONGEST_CHOICE:,} characters", "correct it")
            elif _whole(self.longest, 1) and len(choice) > self.longest:  # type: ignore[operator]
                expected = f"texts of at most {self.longest:,} characters, which longest allows"
                yield Problem("choices", choice, expected, "shorten it, or raise longest")
        for choice, often in Counter(filter(_is_text, choices)).items():
            if often > 1:
                yield Problem("choices", choice, "each choice once", "take one out")
        if self.label is not None and not _readable(self.label, LONGEST_LABEL):
            yield Problem("label", self.label, f"text of 1 to {LONGEST_LABEL} characters", "correct it")

    def _number_problems(self) -> Iterator[Problem]:
        """What is wrong with its limits."""
        for name, least in (("longest", 1), ("minimum", -LARGEST_INTEGER), ("maximum", -LARGEST_INTEGER)):
            value = getattr(self, name)
            if value is not None and not _whole(value, least):
                mend = "round it: limits are whole numbers, also of decimals" if name != "longest" else "correct it"
                yield Problem(name, value, f"a whole number of at least {least:,}, below 2**63", mend)
            elif value and name != "longest" and self.type == "money":
                yield Problem(name, value, "0, since a currency is not said", "leave it out, or write 0")
        low, high = self.minimum, self.maximum
        if _whole(low) and _whole(high) and low > high:  # type: ignore[operator]
            yield Problem("maximum", high, f"at least the minimum, {low:,}", "swap them")


def _whole(value: object, least: int = -LARGEST_INTEGER) -> bool:
    """Whether it is a whole number that stores can keep."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < LARGEST_INTEGER


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _readable(text: object, longest: int) -> bool:
    """Whether it is text that people can read and stores can keep."""
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        return False
    try:
        return plain(text) == text
    except Invalid:
        return False
