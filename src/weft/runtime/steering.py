"""How a run is steered, as its driver sees it: commands are taken at the edges between steps, and kept with them.

Nothing here waits. Commands come in from the store beside the run; at each edge those that are there are taken,
in order, and what follows from them goes into the very next commit: the event that tells of them, and the row that
says up to which number they are done. So a crash leaves a command either taken with its effect, or waiting.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from weft.engine.graph import Graph, Update
from weft.engine.scheduler import Paused
from weft.engine.step import Activation, Checkpoint
from weft.errors import UsageError, WeftError
from weft.events import RunSteered
from weft.runtime.commands import (
    Breakpoint,
    Command,
    Inject,
    Pause,
    Rerun,
    Resume,
    SetBreakpoints,
    Step,
    kind,
    load_command,
)
from weft.runtime.conversation import Context as Seen
from weft.storage.commands import CommandRow, SteeringRow

Held = Literal["asked", "breakpoint"]


class Stance(Struct, frozen=True, omit_defaults=True):
    """What holds a run, and where it is to be held."""

    held: Held | None = None
    left: int | None = None
    """Steps until it is held; ``None`` for no end."""
    points: tuple[Breakpoint, ...] = ()
    passed: dict[str, tuple[str, ...]] = {}
    """By the path of a graph: activations before which it was held already."""
    true: tuple[str, ...] = ()
    """Conditions that are true now: they hold the run again only after they were not."""
    said: tuple[Any, ...] = ()
    """Inputs that were injected and that no model has seen yet."""


_FREE = Stance()
_FREEING = ("resume", "step", "rerun")
_decode = msgspec.json.Decoder(Stance).decode
_encode = msgspec.json.Encoder().encode


def stance_of(row: SteeringRow) -> Stance:
    """How a run is steered, as its row says."""
    return _decode(row.body)


class Place(Struct, frozen=True):
    """An edge: which graph stands there, and where in the run."""

    graph: Graph
    path: str
    checkpoint: Checkpoint
    rows: str | None
    """The channel of its conversation."""
    running: Set[str]
    """Activations of the frontier that run already."""
    root: bool

    @property
    def seen(self) -> Seen | None:
        return None if self.rows is None else self.checkpoint.values.get(self.rows)

    @property
    def ended(self) -> bool:
        return not self.checkpoint.frontier


class Steering:
    """One run's commands and stance, in the process that drives it."""

    __slots__ = ("_dirty", "_events", "_stance", "_taken", "_waiting", "let_go", "quiet")

    def __init__(self) -> None:
        self._stance = _FREE
        self._taken = 0
        self._waiting: list[CommandRow] = []
        self._events: list[RunSteered] = []
        self._dirty = False
        self.let_go = False
        """Whether somebody let the run go on since it was taken up."""
        self.quiet = True
        """Whether there is nothing to be done at an edge."""

    def load(self, row: SteeringRow, commands: Sequence[CommandRow]) -> None:
        """What is on record when the run is taken up."""
        self._stance, self._taken = stance_of(row), row.taken
        later, self._waiting = self._waiting, []
        self.add(commands)
        self.add(later)

    def add(self, commands: Sequence[CommandRow]) -> None:
        """Commands of the inbox, in order; those that are known already do nothing."""
        for command in commands:
            if command.number > self.seen:
                self._waiting.append(command)
        self._hush()

    @property
    def seen(self) -> int:
        """The number of the last command that came in."""
        return self._waiting[-1].number if self._waiting else self._taken

    @property
    def held(self) -> Held | None:
        return self._stance.held

    @property
    def waits(self) -> bool:
        """Whether there are commands that were not taken yet."""
        return bool(self._waiting)

    def waiting(self, kind: str) -> list[tuple[CommandRow, Command]]:
        """The commands of one kind that were not taken yet."""
        return [(row, self._read(row)) for row in self._waiting if row.kind == kind]

    def drop(self, row: CommandRow) -> None:
        """It was taken by itself, and is noted."""
        self._waiting.remove(row)

    def goes_on(self) -> bool:
        """Whether nothing holds the run any more once all that waits is taken."""
        held = self._stance.held is not None
        for row in self._waiting:
            held = row.kind == "pause" or (held and row.kind not in _FREEING)
        return not held

    def freed(self) -> bool:
        """Whether somebody who held it lets it go on now."""
        return any(row.kind in _FREEING for row in self._waiting)

    # Taking commands

    def take(self, other: Callable[[CommandRow, Command], Any]) -> None:
        """Take all that waits. ``other`` does what the stance cannot; what it returns is told in the event."""
        while self._waiting:
            row = self._waiting.pop(0)
            detail, refused = None, None
            try:
                detail = self._act(self._read(row), row, other)
            except WeftError as error:
                refused = str(error)
            except msgspec.ValidationError as error:
                refused = f"it cannot be read: {error}"
            self.note(row, detail, refused)
        self._hush()

    def note(self, row: CommandRow, detail: Any = None, refused: str | None = None) -> None:
        """It is taken, with what comes next."""
        self._taken = row.number
        if row.kind != "abort":
            self._events.append(RunSteered(row.kind, row.by, row.number, detail, refused))
        self._dirty = True

    def _act(self, command: Command, row: CommandRow, other: Callable[[CommandRow, Command], Any]) -> Any:
        self.let_go = row.kind in _FREEING or (self.let_go and row.kind != "pause")
        match command:
            case Pause():
                self._change(held="asked", left=None)
            case Resume():
                self._change(held=None, left=None)
            case Step(count=count):
                self._change(held=None, left=count)
                return {"count": count}
            case SetBreakpoints(breakpoints=points):
                self._change(points=points, true=())
                return {"breakpoints": points}
            case Inject(input=input):
                self._change(said=(*self._stance.said, input))
                return {"input": input}
            case _:
                detail = other(row, command)
                if isinstance(command, Rerun):
                    self._change(held=None, left=None, passed={})
                return detail
        return None

    def _read(self, row: CommandRow) -> Command:
        return load_command(row.kind, row.body)

    def _change(self, **changes: Any) -> None:
        self._stance = replace(self._stance, **changes)
        self._dirty = True

    def _hush(self) -> None:
        stance = self._stance
        self.quiet = not (
            self._waiting or stance.held or stance.left is not None or stance.points or stance.said or self._dirty
        )

    # At edges and commits

    def edge(self, place: Place) -> Update | None:
        """What is written to the graph at this edge, if anything.

        Raises:
            Paused: the run is to be held here.
        """
        self.take(_too_late)
        update = self._say(place)
        if update is None:
            self._look(place)
            if self._stance.held and (not place.ended or (place.root and self._stance.held == "breakpoint")):
                raise Paused((), halted=self._stance.held)
        return update

    def stepped(self, path: str, graph: Graph, ran: Sequence[str], checkpoint: Checkpoint) -> None:
        """A step of the graph at ``path`` is about to be committed: what it changes goes with it."""
        stance = self._stance
        if stance.passed:
            self._change(passed=_still(stance.passed, path, checkpoint.frontier))
        if stance.left is not None and stance.held is None:
            left = stance.left - 1
            self._change(left=left) if left > 0 else self._change(left=None, held="asked")
        for point in stance.points:
            if not point.after or point.node not in ran or point.graph not in (None, graph.name):
                continue
            if point.true(checkpoint.values):
                self._change(held="breakpoint")

    def flush(self) -> tuple[list[RunSteered], SteeringRow | None]:
        """What the commit that is being made has to carry."""
        if not self._dirty:
            return [], None
        told, self._events = self._events, []
        self._dirty = False
        self._hush()
        return told, SteeringRow(taken=self._taken, held=self._stance.held is not None, body=_encode(self._stance))

    def _say(self, place: Place) -> Update | None:
        """Injected words, where the next thing is a model call, or nothing is left to do."""
        if not self._stance.said:
            return None
        seen = place.seen
        if seen is None or place.rows is None:
            if place.root and place.ended:
                self._unheard()
            return None
        if seen.owed or place.running:
            return None
        updates = [update for input in self._stance.said if (update := self._entered(place.graph, input))]
        self._change(said=())
        if not updates:
            return None
        said = [saying for update in updates for saying in update.writes[place.rows]]
        return Update({place.rows: said}, goto=updates[-1].goto if place.ended else ())

    def _entered(self, graph: Graph, input: Any) -> Update | None:
        try:
            return graph.enter(input)
        except WeftError as error:
            self._events.append(RunSteered("inject", "weft", self._taken, None, str(error)))
            return None

    def _unheard(self) -> None:
        """The run ends, and no agent of it was asked anything any more."""
        refused = "no model was asked after it"
        for _ in self._stance.said:
            self._events.append(RunSteered("inject", "weft", self._taken, None, refused))
        self._change(said=())

    def _look(self, place: Place) -> None:
        """Hold the run if a breakpoint says so here. Where it is held anyhow, it counts as held by that too."""
        if place.ended:
            return
        passed = self._stance.passed.get(place.path, ())
        fresh = [one for one in place.checkpoint.frontier if one.id not in place.running and one.id not in passed]
        hit = False
        for point in self._stance.points:
            if point.graph not in (None, place.graph.name) or point.after:
                continue
            hit = (self._before(point, place, fresh) if point.node or point.tool else self._rises(point, place)) or hit
        if hit:
            ids = tuple(one.id for one in place.checkpoint.frontier)
            held = self._stance.held or "breakpoint"
            self._change(held=held, left=None, passed={**self._stance.passed, place.path: ids})

    def _before(self, point: Breakpoint, place: Place, fresh: Sequence[Activation]) -> bool:
        named = [one for one in fresh if (one.node == point.node if point.node else _calls(place, one) == point.tool)]
        return bool(named) and point.true(place.checkpoint.values)

    def _rises(self, point: Breakpoint, place: Place) -> bool:
        """Whether a condition has become true since the last edge of this graph."""
        if point.channel not in place.graph.channels:
            return False
        key, before = f"{place.path} {point.when}", self._stance.true
        now = point.true(place.checkpoint.values)
        if now and key not in before:
            self._change(true=(*before, key))
            return True
        if not now and key in before:
            self._change(true=tuple(other for other in before if other != key))
        return False


def refusing(why: str) -> Callable[[CommandRow, Command], Any]:
    """For ``Steering.take``, where nothing can be written to the graph."""

    def refuse(row: CommandRow, command: Command) -> Any:
        raise UsageError(f"{kind(command)} cannot be done: {why}")

    return refuse


def _too_late(row: CommandRow, command: Command) -> Any:
    raise UsageError(f"{kind(command)} needs a run that is paused")


def _calls(place: Place, activation: Activation) -> str | None:
    """The tool that this activation of an agent calls."""
    seen = place.seen
    if seen is None or not seen.said or not activation.sent:
        return None
    calls, index = seen.said[-1].message.tool_calls, activation.payload
    return calls[index].name if isinstance(index, int) and 0 <= index < len(calls) else None


def _still(
    passed: Mapping[str, tuple[str, ...]], path: str, frontier: Sequence[Activation]
) -> dict[str, tuple[str, ...]]:
    """Without the activations at and below ``path`` that are done."""
    ids = [activation.id for activation in frontier]
    kept: dict[str, tuple[str, ...]] = {}
    for at, held in passed.items():
        if at == path:
            if rest := tuple(id for id in held if id in ids):
                kept[at] = rest
        elif not at.startswith(f"{path}/") or any(at.startswith(f"{path}/{id}/") for id in ids):
            kept[at] = held
    return kept
