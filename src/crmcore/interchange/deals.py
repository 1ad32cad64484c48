"""Files of deals: which column says what, and what the words in the stage column mean."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from crmcore.kernel.errors import Invalid, Problem

__all__ = ["DealColumns", "Outcomes"]


@attrs.frozen(kw_only=True)
class DealColumns:
    """Which column of the file holds what.

    Attributes:
        id: The deal's id in the file.
        stage: The stage it is in.
        opened: The day or instant it was opened.
        closed: The day or instant it was won or lost; of an open deal, when it is expected to be.
        amount: What it is worth.
        owner: The name of who works on it.
        account: The name of who would buy.
        product: The name of what it is about.

    Example:
        >>> from crmcore.interchange.deals import DealColumns
        >>> columns = DealColumns(id="ID", stage="Stage", opened="Created", closed="Closed", amount="Value")
        >>> columns.fields["opened_at"]
        'Created'
    """

    id: str
    stage: str
    opened: str
    closed: str
    amount: str
    owner: str | None = None
    account: str | None = None
    product: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """The column of each field of a deal."""
        told = {"opened": "opened_at", "closed": "closed_at"}
        named = attrs.asdict(self, filter=lambda one, column: one.name != "id" and column is not None)
        return {told.get(name, name): column for name, column in named.items()}


def _texts(values: Iterable[str] | str) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen(kw_only=True)
class Outcomes:
    """What the words in the stage column mean. Capitals make no difference.

    Attributes:
        won: The words for a won deal.
        lost: The words for a lost deal.
        open: The names of the open stages, in order.

    Raises:
        Invalid: A word has two meanings, or won, lost or open has no word.

    Example:
        >>> from crmcore.interchange.deals import Outcomes
        >>> Outcomes(won="Won", lost="Lost", open=["Demo", "Proposal"]).words
        ('Won', 'Lost', 'Demo', 'Proposal')
    """

    won: tuple[str, ...] = attrs.field(converter=_texts)
    lost: tuple[str, ...] = attrs.field(converter=_texts)
    open: tuple[str, ...] = attrs.field(converter=_texts)

    def __attrs_post_init__(self) -> None:
        """Check that every word means one thing."""
        folded = [word.casefold() for word in self.words]
        problems = [
            Problem("stage", word, "one meaning for each word", "name it once")
            for place, word in enumerate(self.words)
            if word.casefold() in folded[:place]
        ]
        problems += [
            Problem(status, words, "at least one word, none of them empty", f"give --{status}")
            for status, words in attrs.asdict(self).items()
            if not words or "" in words
        ]
        if problems:
            raise Invalid(problems)

    @property
    def words(self) -> tuple[str, ...]:
        """Every word."""
        return (*self.won, *self.lost, *self.open)
