"""The glossary as a whole: to look a word up in, and to print."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crmcore.glossary.activity import ACTIVITY
from crmcore.glossary.entry import Term
from crmcore.glossary.figures import FIGURES
from crmcore.glossary.grammar import GRAMMAR
from crmcore.glossary.integration import INTEGRATION
from crmcore.glossary.people import PEOPLE
from crmcore.glossary.retention import RETENTION
from crmcore.glossary.sales import SALES
from crmcore.glossary.survival import SURVIVAL
from crmcore.glossary.value import VALUE
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.values import read_text

__all__ = ["TERMS", "page", "term"]

LONGEST_NAME = 100

TERMS: tuple[Term, ...] = tuple(
    sorted(
        (*ACTIVITY, *FIGURES, *GRAMMAR, *INTEGRATION, *PEOPLE, *RETENTION, *SALES, *SURVIVAL, *VALUE),
        key=lambda one: one.name.casefold(),
    )
)
"""Every term that has an object today, in alphabetical order.

:meta hide-value:
"""

_BY_NAME = {name.casefold(): one for one in TERMS for name in (one.name, *one.synonyms)}

_TOP = """\
# Glossary

What the words mean here, and the object that each one is. A word stands here from the day there is an object for it.
In Python:

```python
>>> from crmcore.glossary import term
>>> term("deal").object
'crmcore.Opportunity'
```

| term | meaning | in Python |
|---|---|---|
"""


def term(name: str) -> Term:
    """The term of a name.

    Args:
        name: The name, or a synonym, in any capitals.

    Raises:
        Invalid: There is no such term; the nearest ones are named.

    Example:
        >>> from crmcore.glossary import term
        >>> term("Deal").name
        'opportunity'
        >>> term("oportunity")
        Traceback (most recent call last):
        crmcore.kernel.errors.Invalid: term: got 'oportunity', expected a term of the glossary; did you mean ...
    """
    asked = read_text(name, LONGEST_NAME, path="term", empty=False)
    found = _BY_NAME.get(" ".join(asked.split()).casefold())
    if found is None:
        raise Invalid([Problem("term", asked, "a term of the glossary", _mend(asked))])
    return found


def _mend(asked: str) -> str:
    import difflib

    near = difflib.get_close_matches(asked.casefold(), _BY_NAME)
    return f"did you mean {' or '.join(near)}?" if near else "look through TERMS"


def page() -> str:
    """The glossary as a page of Markdown: what ``docs/reference/glossary.md`` holds.

    Example:
        >>> from crmcore.glossary import page
        >>> page().splitlines()[0]
        '# Glossary'
    """
    return _TOP + "".join(map(_row, TERMS))


def _row(one: Term) -> str:
    also = f"<br>{', '.join(one.synonyms)}" if one.synonyms else ""
    see = f" See {_links(one.see)}." if one.see else ""
    return f'| <a id="{_anchor(one.name)}"></a>**{one.name}**{also} | {one.definition}{see} | `{one.object}` |\n'


def _links(names: Iterable[str]) -> str:
    return ", ".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in names)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold())
