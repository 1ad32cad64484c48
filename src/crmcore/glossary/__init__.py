"""The glossary: what each word of the field means here, and the object that is it."""

from crmcore.glossary.book import TERMS, page, term
from crmcore.glossary.entry import Term

__all__ = ["TERMS", "Term", "page", "term"]
