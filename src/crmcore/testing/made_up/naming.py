"""Names, telephone numbers and e-mail addresses, each given away once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, cycle, repeat

import attrs

from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.words import FAMILY, GIVEN, PLAIN, STEMS, TRADES, UK_RANGES, US_AREAS

__all__ = ["Mailboxes", "Names", "respelt"]


class Mailboxes:
    """E-mail addresses under domains that nobody can own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def open(self, name: str, domain: str) -> str:
        """A person's address, numbered where another one has it."""
        local = plain(name).replace("-", ".")
        address = next(
            address
            for number in count(1)
            if (address := f"{local}{number if number > 1 else ''}@{domain}") not in self._taken
        )
        self._taken.add(address)
        return address


@attrs.frozen
class Names:
    """All that is still to be given away.

    Attributes:
        people: Full names, none twice among the first 4,000.
        companies: Names of companies without their legal form, none twice among the first 60,000.
        phones: Three streams of telephone numbers, for accounts, contacts and leads; empty once 5,000 each are gone.
        mailboxes: E-mail addresses.
    """

    people: Iterator[str]
    companies: Iterator[str]
    phones: tuple[Iterator[str], Iterator[str], Iterator[str]]
    mailboxes: Mailboxes

    @classmethod
    def drawn(cls, chance: Chance) -> Names:
        """Everything in an order of chance."""
        return cls(_people(chance), _companies(chance), _phones(chance), Mailboxes())


def plain(name: str) -> str:
    """A name as web addresses spell it: ``lecki-and-tamar-foods``."""
    return name.lower().translate(PLAIN)


def respelt(phone: str) -> tuple[str, ...]:
    """Other ways in which people write the same telephone number."""
    country, area, *rest = phone.removeprefix("+").split(" ")
    trunk = "0" if country == "44" else ""
    return (
        f"00{country} {area} {' '.join(rest)}",
        f"{trunk}{area} {' '.join(rest)}",
        f"({trunk}{area}) {'-'.join(rest)}",
    )


def _people(chance: Chance) -> Iterator[str]:
    numbers = cycle(chance.shuffled(range(len(GIVEN) * len(FAMILY))))
    return (f"{GIVEN[number % len(GIVEN)]} {FAMILY[number // len(GIVEN)]}" for number in numbers)


def _companies(chance: Chance) -> Iterator[str]:
    """Alone first, then with one partner after another."""
    numbers = chance.shuffled(range(len(STEMS) * len(TRADES)))
    partners = chain([0], cycle(range(1, len(STEMS))))
    return (_company(*divmod(number, len(STEMS)), partner) for partner in partners for number in numbers)


def _company(trade: int, stem: int, partner: int) -> str:
    other = f" & {STEMS[(stem + partner) % len(STEMS)]}" if partner else ""
    return f"{STEMS[stem]}{other} {TRADES[trade]}"


def _phones(chance: Chance) -> tuple[Iterator[str], Iterator[str], Iterator[str]]:
    british = [f"+44 {start}{number:03}" for start in UK_RANGES for number in range(1_000)]
    american = [f"+1 {area} 555 01{number:02}" for area in US_AREAS for number in range(100)]
    numbers = chance.shuffled(british + american)
    first, second, third = (chain(numbers[table::3], repeat("")) for table in range(3))
    return first, second, third
