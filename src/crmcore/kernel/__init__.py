"""The grammar every department speaks: no CRM noun, no input and no output lives here.

These are the names you need for a kind of your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmcore.kernel.acts import act
    from crmcore.kernel.change import Change
    from crmcore.kernel.context import Context
    from crmcore.kernel.desk import Desk
    from crmcore.kernel.fields import ANY, field, part
    from crmcore.kernel.frozen_map import EMPTY
    from crmcore.kernel.lifecycle import Lifecycle
    from crmcore.kernel.records import Record, kind_of, record

_HOME_OF = {
    "ANY": "fields",
    "EMPTY": "frozen_map",
    "act": "acts",
    "Change": "change",
    "Context": "context",
    "Desk": "desk",
    "Lifecycle": "lifecycle",
    "Record": "records",
    "field": "fields",
    "kind_of": "records",
    "part": "fields",
    "record": "records",
}

__all__ = [
    "ANY",
    "EMPTY",
    "Change",
    "Context",
    "Desk",
    "Lifecycle",
    "Record",
    "act",
    "field",
    "kind_of",
    "part",
    "record",
]


def __getattr__(name: str) -> object:
    """A public name, loaded when it is first asked for."""
    if name not in _HOME_OF:
        message = f"module 'crmcore.kernel' has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    value: object = getattr(import_module(f"crmcore.kernel.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
