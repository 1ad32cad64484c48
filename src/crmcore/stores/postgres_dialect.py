"""The statements of a SQL store as PostgreSQL takes them.

They are written once, in SQLite's words; here is every word PostgreSQL has another for. Statements are made of declared
names, which are lower-case and quoted, so a word in capitals is never part of a name.
"""

from __future__ import annotations

import functools
import re

__all__ = ["statement"]

_WORDS = {
    "?": "%s",
    "%": "%%",
    "INTEGER": "BIGINT",
    "TEXT": 'TEXT COLLATE "C"',  # by code point, as Python and SQLite compare
    " WITHOUT ROWID": "",
    " NOT INDEXED": "",
    "CROSS JOIN": "JOIN",
    "(instr(words, ?) > 0)": "(strpos(words, %s) > 0)::int",  # to be added up
    "instr(": "strpos(",
}
_PATTERNS = (rf"\b{word}\b" if word.isalpha() else re.escape(word) for word in _WORDS)
_FOUND = re.compile("|".join(_PATTERNS))  # of two that fit, the first one


@functools.lru_cache(maxsize=1_000)
def statement(sql: str) -> str:
    """A statement in PostgreSQL's words.

    Args:
        sql: The statement in SQLite's, with question marks for its values.

    Example:
        >>> from crmcore.stores.postgres_dialect import statement
        >>> statement("SELECT id FROM crm_words WHERE instr(words, ?) > 0")
        'SELECT id FROM crm_words WHERE strpos(words, %s) > 0'
    """
    return _FOUND.sub(lambda found: _WORDS[found[0]], sql)
