"""An entry of the glossary: a word of the field, what it means here, and the object that is it."""

from __future__ import annotations

import attrs

__all__ = ["Term"]


@attrs.frozen
class Term:
    """A word of the field, and the object that is it in crmcore today.

    Attributes:
        name: The word, in the singular.
        definition: What it means, in one or two sentences.
        object: The dotted path of a class, function, method, property or field: ``"crmcore.Lead"``.
        synonyms: Other words for the same.
        see: The names of related terms.
    """

    name: str
    definition: str
    object: str
    synonyms: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
