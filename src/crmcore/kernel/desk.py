"""A desk: the typed collection of one kind of record, as in deal desk and service desk.

A desk reads through the store and writes changes only. General writes (``add``, ``update``,
``upsert``, ``delete``, ``restore``) are here; each department's desk adds a method per act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from crmcore.kernel.acting import Acting
from crmcore.kernel.change import Change, evolved
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Duplicate, Invalid, NotAllowed, Problem
from crmcore.kernel.loading.intake import called_with
from crmcore.kernel.records import R
from crmcore.kernel.values import read

if TYPE_CHECKING:
    from crmcore.kernel.loading.report import LoadReport
    from crmcore.kernel.table import Named, Rows

__all__ = ["Desk"]


class Desk(Acting[R]):
    """The records of one kind, and what can be done with them.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    def add(self, *unnamed: Any, **fields: Any) -> R:  # noqa: ANN401 - any field's value
        """Add a record.

        Args:
            unnamed: Nothing: fields are given by name.
            fields: Its fields; ``custom`` and ``external`` may be whole mappings.

        Raises:
            Invalid: A field is unknown, missing or does not fit: every problem at once.
            NotAllowed: A field is written by acts only.
            Duplicate: A unique value is taken.
        """
        if unnamed:
            expected = ", ".join(self.kind.fields)
            raise Invalid([Problem("fields", f"{len(unnamed)} without a name", expected, "write add(name=…)")])
        added: R = self.originate(self._added, (), {"fields": fields})
        return added

    def _added(self, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[R]:
        """Make a record of what anybody may write."""
        self._check_open(fields, f"a new {self.kind.name}", act="add")
        return context.created(self.kind.cls, "added", **fields)

    def update(self, record: R | str, /, *, version: int | None = None, **fields: Any) -> R:  # noqa: ANN401 - as above
        """Change fields of a record. Values that are the same already are left alone.

        Args:
            record: The record, or its id for the current one.
            version: The version it must have, as an If-Match would ask.
            fields: The fields and their new values.

        Returns:
            The record as it now stands.

        Raises:
            Invalid: A field is unknown or does not fit.
            NotAllowed: A field is written by acts only.
            Conflict: The record has moved on.
        """
        updated: R = self.perform(self.revise, record, (), {"fields": fields, "version": version})
        return updated

    def revise(
        self, record: R, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[R]:
        """Change fields of a record: the act behind ``update``.

        Args:
            record: The record.
            context: The circumstances.
            fields: The fields and their new values.
            version: The version the record must have; None for any.

        Raises:
            Invalid: The version is no number, a field is unknown or does not fit.
            Conflict: The record has another version.
        """
        if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
            raise Invalid([Problem("version", version, "a whole number", "pass the version of a record")])
        if version not in (None, record.version):
            raise Conflict(self.kind.name, record.id, expected=version, found=record.version)
        values = read(self.kind, fields, border=self.front.border(self.kind))
        changed = self.differing(record, values)
        self.check_update(record, changed)
        return context.changed(record, "updated", **changed)

    def check_update(self, record: R, fields: Mapping[str, Any]) -> None:
        """Refuse an update of fields that only acts write; departments refuse more.

        Args:
            record: The record.
            fields: The fields and their new values, where they differ.

        Raises:
            NotAllowed: A field is written by acts only.
        """
        self._check_open(fields, f"{self.kind.name} {record.id}", act="update")

    def _check_open(self, fields: Iterable[str], whose: str, *, act: str) -> None:
        """Refuse to write what only acts write."""
        declared = {name: self.kind.declared(name) for name in fields}
        guarded = [name for name, told in declared.items() if told is not None and told.by_act]
        if guarded:
            possible = self._acts()
            acts = f"acts do: {', '.join(possible)}"
            message = f"{act} can't write {', '.join(guarded)} of {whose}; {acts}"
            problems = [Problem(name, "a value", "nothing, since only acts write it", acts) for name in guarded]
            raise NotAllowed(message, act=act, possible=possible, problems=problems)

    def _acts(self) -> list[str]:
        """The names of the acts this desk offers on a record."""
        cls = type(self)
        bound = [name for name in dir(cls) if getattr(getattr(cls, name), "changes_a_record", False)]
        return sorted([*bound, "delete", "restore"])

    def upsert(self, external: tuple[str, str], /, **fields: Any) -> R:  # noqa: ANN401 - any field's value
        """Add a record known by an id in another system, or update it when it is there.

        The same again changes nothing. Also when somebody else adds it meanwhile.

        Args:
            external: The other system's name, and the record's id there.
            fields: Its fields, and other arguments of ``add``; references may be records.

        Raises:
            Invalid: As ``add`` and ``update``.
            NotAllowed: The record known by that id was deleted; ``restore`` brings it back. Or a field is written by
                acts only, and said otherwise than it is.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme = crm.accounts.upsert(("erp", "A-1"), name="Acme")
            >>> ada = crm.contacts.upsert(("erp", "C-1"), name="Ada", account=acme, role="buyer")
            >>> ada == crm.contacts.upsert(("erp", "C-1"), name="Ada", account=acme, role="buyer")
            True
        """
        if not isinstance(external, tuple) or len(external) != 2:
            raise Invalid(
                [Problem("external", type(external).__name__, "a system and an id", 'write ("hubspot", "4711")')]
            )
        system, id = external
        asked = ("upsert", (external, fields))
        known, whole = self.external(system, id), {**fields, f"external.{system}": id}
        if known is None:
            try:
                added: R = self.originate(self._opened_anew, (), {"said": whole, "external": external}, asked=asked)[0]
            except Duplicate:
                known = self.external(system, id)
                if known is None:
                    raise
            else:
                return added
        done = self.perform(self.restated, known.id, (), {"said": fields}, asked=asked)
        own = next((one.id for one in done if isinstance(one, self.kind.cls)), known.id)  # a key's first may be gone
        return next((one for one in reversed(done) if one.id == own), None) or self._any(own)

    def restated(self, record: R, context: Context[Any], *, said: Mapping[str, Any]) -> tuple[Change[Any], ...]:
        """What it changes when a record that is there is told of again: the act behind ``upsert``.

        Arguments that only make a record say nothing of one that is there, and neither does None where a field
        can't be missing.

        Args:
            record: The record.
            context: The circumstances.
            said: What is said, by field, or by argument of the act that makes a record.
        """
        fields = {name: value for name, value in said.items() if name not in self.beside and self._says(name, value)}
        change = self.revise(record, context, fields=fields)
        return (change,) if change.sets else ()

    def _says(self, name: str, value: object) -> bool:
        """Whether a value that the act making a record may have left out says anything of one that is there."""
        declared = self.kind.fields.get(name)
        return value is not None or self.opening is None or declared is None or declared.optional

    def _opened_anew(
        self, context: Context[Any], *, said: Mapping[str, Any], external: tuple[str, str]
    ) -> tuple[Change[Any], ...]:
        """Make a record, unless there was one that was known by the same id."""
        system, id = external
        gone = self.front.store.holders(self.kind, f"external.{system}", [id], deleted=True).get(id)
        if gone is not None:
            message = f"{self.kind.name} {gone}, known as {id!r} in {system}, was deleted or merged; restore() it first"
            raise NotAllowed(message, act="upsert", possible=("restore",))
        return self._opened(said, context)

    def load(
        self,
        rows: str | Named | Rows,
        /,
        *,
        key: str,
        columns: Mapping[str, str] | None = None,
        system: str = "csv",
        at: str | None = None,
        create: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
        date_format: str | None = None,
        on_error: Literal["reject", "raise"] = "reject",
        dry_run: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> LoadReport:
        """Bring in many records at once from elsewhere, in one commit. The same rows again change nothing.

        A record known by its id in the other system is changed where a row says otherwise; an empty cell says
        nothing. Dates are ISO 8601 unless a format is given, a bare day is its start in the business's zone, and
        a reference holds the id its record has in the same system, or here. Where it may be of any kind, ids there
        never lead to the kind that is loaded.

        Args:
            rows: The path of a CSV file in UTF-8 with a header, mappings of column names to values, or a data frame.
            key: The column with each record's id in the other system.
            columns: The column of each field, a member or part of one by a dotted name: ``{"emails.work": "E-mail"}``;
                default: columns named like fields.
            system: The other system's name.
            at: The column that says when a record came to be; default: now.
            create: References whose records are made when there are none. A cell that is no id is a name then: the
                live record that has it, but for capitals and blanks, is meant, or one is made; of several none is.
            kinds: For references that may be of several kinds, the one they are of: ``{"record": "contact"}``.
                Needed when several records of those kinds have the same id there.
            date_format: How dates are written, as in ``strptime``.
            on_error: ``"reject"`` leaves out rows that do not fit and lists them; ``"raise"`` writes nothing then.
            dry_run: Tell what would be done, and write nothing.
            progress: Told how many rows have been looked at, and of how many.

        Returns:
            What was done with every row.

        Raises:
            Invalid: The file can't be read, a column or field is unknown; or a row does not fit, and ``on_error`` is
                ``"raise"``: every problem at once.
            NotAllowed: This is a view of the past, or a key was given, since the rows have keys of their own.
            Conflict: Others wrote meanwhile, time and again.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> crm.contacts.load([{"id": "C1", "name": "Ada", "E-mail": "ada@engines.example"}], key="id",
            ...                   columns={"name": "name", "email": "E-mail"})
            LoadReport(contact: 1 rows, 1 kept)
            >>> crm.contacts.external("csv", "C1").email
            'ada@engines.example'
        """
        from crmcore.kernel.loading.load import loaded

        given = {"key": key, "columns": columns, "system": system, "at": at, "create": create, "kinds": kinds}
        rest = {"date_format": date_format, "on_error": on_error, "dry_run": dry_run}
        return loaded(self, rows, {**given, **rest}, progress)

    def stated(self, known: R | None, said: Mapping[str, Any], context: Context[Any]) -> Sequence[Change[Any]]:
        """What a row of elsewhere changes: the fields of a known record, or it makes a new one."""
        if known is None:
            return [self._read_anew(change, said) for change in self._opened(said, context)]
        if self.front.backdated is not None:
            return self.propose(self.restated, known, said=said)
        told = self.differing(known, said) if self.beside.isdisjoint(said) else said
        return [self.ready(one) for one in self.restated(known, context, said=told)] if told else []

    def _read_anew(self, change: Change[Any], said: Mapping[str, Any]) -> Change[Any]:
        """A change that makes a record, with what its act has set otherwise than said read; the rest was."""
        if change.kind != self.kind.name:
            return self.ready(change)
        kept: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for name, value in change.sets.items():
            if name in self.kind.mappings and isinstance(value, Mapping):
                for member, item in value.items():
                    path = f"{name}.{member}"
                    (kept if said.get(path) is item else rest)[path] = item
            elif value is not None:
                (kept if said.get(name) is value else rest)[name] = value
        if not self.needed <= kept.keys() | rest.keys():
            return self.ready(change)
        return evolved(change, sets=kept | read(self.kind, rest, border=self.front.border(self.kind)) if rest else kept)

    def _opened(self, said: Mapping[str, Any], context: Context[Any]) -> tuple[Change[Any], ...]:
        """The changes that make a record of what is said: those of the desk's own act, or any fields."""
        pure = self.opening
        if pure is None:
            return (self._added(context, fields=said),)
        made = pure(context, **called_with(pure, self.kind, said))
        return (made,) if isinstance(made, Change) else tuple(made)

    def delete(self, record: R | str) -> R:
        """Delete a record. It stays in the log, and ``restore`` brings it back.

        Args:
            record: The record, or its id.
        """
        deleted: R = self.perform(_delete, record, (), {})
        return deleted

    def restore(self, record: R | str) -> R:
        """Bring a deleted record back.

        Args:
            record: The record, or its id.

        Raises:
            NotAllowed: It is not deleted.
            Invalid: It refers to a record that was deleted; restore that one first.
            Duplicate: A unique value was taken meanwhile.
        """
        restored: R = self.perform(_restore, record, (), {}, deleted=True)
        return restored


def _delete(record: R, context: Context[Any]) -> Change[R]:
    return context.changed(record, "deleted", deleted_at=context.at)


def _restore(record: R, context: Context[Any]) -> Change[R]:
    return context.changed(record, "restored", deleted_at=None)
