"""What a run has found so far, in a file: a run that was stopped goes on there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import attrs

from crmcore.testing.exam.findings import Findings

__all__ = ["Results"]


@attrs.define
class Results:
    """Findings and how long they took, by the name of what was done.

    Attributes:
        path: The file.
    """

    path: Path
    _known: dict[str, dict[str, Any]] = attrs.field(factory=dict)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Those of an earlier run, if there was one.

        Args:
            path: The file.
        """
        return cls(path, json.loads(path.read_text()) if path.exists() else {})

    def get(self, name: str) -> tuple[Findings, float] | None:
        """What was found, and in how many seconds; None when it was not done.

        Args:
            name: What was done.
        """
        known = self._known.get(name)
        if known is None:
            return None
        return Findings(known["checked"], tuple(known["failures"]), known["said"]), known["seconds"]

    def put(self, name: str, found: Findings, seconds: float) -> None:
        """Keep what was found.

        Args:
            name: What was done.
            found: What was found.
            seconds: How long it took, in seconds.
        """
        self._known[name] = {**attrs.asdict(found), "seconds": seconds}
        self._write()

    def forget(self, beginning: str) -> None:
        """Forget everything whose name begins so.

        Args:
            beginning: How the names begin.
        """
        self._known = {name: known for name, known in self._known.items() if not name.startswith(beginning)}
        self._write()

    def _write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self._known, indent=1))
        os.replace(fresh, self.path)  # noqa: PTH105 - the name says it
