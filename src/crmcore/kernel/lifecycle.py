"""A lifecycle: states and the moves between them, as a table.

Two rules hold everything. A move is looked up by ``(state, move)`` and leads to one state; what
the table does not list is not allowed, and the refusal names what is. The table is checked once,
when it is built: unknown names, states no move reaches, dead ends that are not marked final.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import attrs

from crmcore.kernel.errors import Invalid, NotAllowed, Problem

__all__ = ["Lifecycle"]


def _states(states: Iterable[str]) -> tuple[str, ...]:
    return tuple(states)


def _finals(states: Iterable[str]) -> frozenset[str]:
    return frozenset(states)


def _table(moves: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    return dict(moves)


@attrs.frozen
class Lifecycle:
    """A table of states and moves.

    Attributes:
        initial: The states a new record may start in.
        moves: ``(state, move) -> state``.
        final: The states that need no way out.

    Raises:
        Invalid: A state can't be reached, is a dead end without being final, or does not exist.

    Example:
        >>> from crmcore.kernel.lifecycle import Lifecycle
        >>> lamp = Lifecycle(initial=("off",), moves={("off", "switch on"): "on", ("on", "switch off"): "off"})
        >>> lamp.after("off", "switch on")
        'on'
        >>> lamp.possible("on")
        ('switch off',)
    """

    initial: tuple[str, ...] = attrs.field(converter=_states)
    moves: Mapping[tuple[str, str], str] = attrs.field(converter=_table, hash=False)
    final: frozenset[str] = attrs.field(converter=_finals, default=frozenset())

    def __attrs_post_init__(self) -> None:
        """Check the table once, when it is built."""
        problems = [*self._unreachable(), *self._dead_ends(), *self._unknown()]
        if problems:
            raise Invalid(problems)

    @functools.cached_property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order the table names them."""
        named = [*self.initial, *(state for (start, _), end in self.moves.items() for state in (start, end))]
        return tuple(dict.fromkeys(named))

    def after(self, state: str, move: str) -> str:
        """The state a move leads to.

        Args:
            state: The state before.
            move: The move, as in ``win``.

        Raises:
            NotAllowed: The table does not list the move from there; it carries every possible one.
        """
        try:
            return self.moves[state, move]
        except KeyError:
            possible = self.possible(state)
            message = f"cannot {move} from {state!r}; possible: {', '.join(possible) or 'nothing, it is final'}"
            raise NotAllowed(message, act=move, possible=possible) from None

    def possible(self, state: str) -> tuple[str, ...]:
        """The moves a state has.

        Args:
            state: The state.
        """
        return tuple(move for start, move in self.moves if start == state)

    def between(self, before: str, after: str) -> frozenset[str]:
        """The moves that lead from one state to another.

        Args:
            before: The state before.
            after: The state after.
        """
        return frozenset(move for (start, move), end in self.moves.items() if (start, end) == (before, after))

    def to_mermaid(self) -> str:
        """The table as a Mermaid state diagram.

        Example:
            >>> from crmcore.kernel.lifecycle import Lifecycle
            >>> print(Lifecycle(initial=("new",), moves={("new", "close"): "closed"}, final={"closed"}).to_mermaid())
            stateDiagram-v2
                [*] --> new
                new --> closed: close
                closed --> [*]
        """
        starts = [f"[*] --> {_word(state)}" for state in self.initial]
        steps = [f"{_word(start)} --> {_word(end)}: {move}" for (start, move), end in self.moves.items()]
        ends = [f"{_word(state)} --> [*]" for state in self.states if state in self.final]
        return "\n    ".join(["stateDiagram-v2", *starts, *steps, *ends])

    def _unreachable(self) -> Iterable[Problem]:
        reached = {*self.initial}
        while (further := {end for (start, _), end in self.moves.items() if start in reached}) - reached:
            reached |= further
        for state in self.states:
            if state not in reached:
                yield Problem("moves", state, "a state some move leads to", "add a move to it, or make it initial")

    def _dead_ends(self) -> Iterable[Problem]:
        left = {start for start, _ in self.moves}
        for state in self.states:
            if state not in left and state not in self.final:
                yield Problem("moves", state, "a way out", "add a move from it, or mark it final")

    def _unknown(self) -> Iterable[Problem]:
        if not self.initial:
            yield Problem("initial", (), "at least one state", "name the state a new record starts in")
        for state in sorted(self.final - set(self.states)):
            yield Problem("final", state, "a state of the table", "take it out, or add a move to it")


def _word(state: str) -> str:
    """A state's name as Mermaid takes it."""
    return state.replace(" ", "_")
