"""What may be asked of a run from outside, as values: the same in Python, REST, WebSocket and on the command line."""

import json
import re
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct

from weft.errors import Conflict, UsageError
from weft.runtime import codec
from weft.storage.base import ENDED, Fits, Status
from weft.storage.commands import NewCommand

_CONDITION = re.compile(r"\s*([A-Za-z_][\w.\[\]]*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*", re.S)
_PART = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+)\]")


class Breakpoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a run is to be held: before (or ``after``) a node, before a tool is called, or when something is true.

    ``when`` is a path into the state, by itself (it is there and not empty, zero or false) or compared with JSON:
    ``plan.status == "done"``, ``items[2].price > 10``. Alone it holds the run at the step after which it has become
    true; beside a node or a tool, only there. ``graph`` restricts it to graphs of that name, such as a sub-agent.

    Raises:
        UsageError: nothing is named, or ``when`` cannot be read. ``check`` says so.
    """

    node: str | None = None
    tool: str | None = None
    when: str | None = None
    after: bool = False
    graph: str | None = None

    def check(self) -> None:
        """Raises: UsageError, where it could never hold anything."""
        if not (self.node or self.tool or self.when) or (self.node and self.tool):
            raise UsageError("a breakpoint names a node, a tool, or a condition (`when`)")
        if self.after and not self.node:
            raise UsageError("`after` needs a node")
        if self.when is not None:
            _parsed(self.when)

    @property
    def channel(self) -> str | None:
        """What of the state its condition looks at."""
        return None if self.when is None else _parsed(self.when)[0][0]

    def true(self, values: Any) -> bool:
        """Whether its condition holds in this state; without one it always does."""
        return self.when is None or holds(self.when, values)


def holds(condition: str, values: Any) -> bool:
    """Whether a condition is true of a state. What is not there, or cannot be compared, is not.

    >>> holds('plan.tries >= 3', {"plan": {"tries": 3}}), holds('done', {"done": False}), holds('a < 1', {"a": "x"})
    (True, False, False)
    """
    path, compare, wanted = _parsed(condition)
    first, *rest = path
    try:
        found: Any = json.loads(codec.encode(values[first]))
        for part in rest:
            found = found[part]
    except (KeyError, IndexError, TypeError, UsageError):
        return False
    if compare is None:
        return bool(found)
    return _compared(found, compare, wanted)


def _compared(found: Any, compare: str, wanted: Any) -> bool:
    try:
        match compare:
            case "==":
                return found == wanted
            case "!=":
                return found != wanted
            case "<":
                return found < wanted
            case "<=":
                return found <= wanted
            case ">":
                return found > wanted
            case _:
                return found >= wanted
    except TypeError:
        return False


@lru_cache(maxsize=1024)
def _parsed(condition: str) -> tuple[list[Any], str | None, Any]:
    """Raises: UsageError."""
    words = _CONDITION.fullmatch(condition)
    if words is None:
        raise UsageError(
            f"{condition!r} is no condition: write a path, or a path compared with JSON: plan.done == true"
        )
    path, compare, wanted = words.groups()
    parts = [name or int(index) for name, index in _PART.findall(path)]
    if "".join(match.group() for match in _PART.finditer(path)) != path:
        raise UsageError(f"{path!r} is no path: names and [numbers], such as plan.steps[0].status")
    if compare is None:
        return parts, None, None
    try:
        return parts, compare, json.loads(wanted)
    except ValueError:
        raise UsageError(f"{wanted!r} in {condition!r} is not JSON: strings need double quotes") from None


class _Command(Struct, frozen=True, kw_only=True, tag_field="command", omit_defaults=True):
    pass


class Pause(_Command, frozen=True, tag="pause"):
    """Rest at the next edge between two steps."""


class Resume(_Command, frozen=True, tag="resume"):
    """Go on, until a breakpoint or the end."""


class Step(_Command, frozen=True, tag="step"):
    """Go on for so many steps, of whichever graph of the run; then rest again."""

    count: int = 1


class SetBreakpoints(_Command, frozen=True, tag="breakpoints"):
    """Hold at these, and no others."""

    breakpoints: tuple[Breakpoint, ...] = ()


class Inject(_Command, frozen=True, tag="inject"):
    """Say something to the agent: the next model call sees it (``now``), or a run of its own once the thread rests.

    What comes too late to be seen becomes a run of its own too.
    """

    input: Any
    when: Literal["now", "idle"] = "now"


class SetState(_Command, frozen=True, tag="state"):
    """Write to channels of a paused run, by their own rules of merging; ``node`` is in whose name."""

    writes: dict[str, Any]
    node: str | None = None
    path: str | None = None
    """Of a graph that the run's own called, and that is under way."""
    overwrite: tuple[str, ...] = ()
    """The channels whose values are replaced, past their rules."""


class Rerun(_Command, frozen=True, tag="rerun"):
    """Go back to before a node last began, and go on from there."""

    node: str
    path: str | None = None
    """Of a graph that the run's own called, and that is under way."""


class Rollback(_Command, frozen=True, tag="rollback"):
    """Begin where the thread was before these runs; only the first command of a new run."""

    runs: tuple[str, ...]


class Abort(_Command, frozen=True, tag="abort"):
    """End it at once, with all below it."""

    reason: str | None = None


Command: TypeAlias = Pause | Resume | Step | SetBreakpoints | Inject | SetState | Rerun | Rollback | Abort
_decode = msgspec.json.Decoder(Command).decode
WAKES = (Resume, Step, SetState, Rerun)
"""Those for which a paused run is driven."""


def kind(command: Command) -> str:
    """Its name, as events tell it."""
    return cast("str", type(command).__struct_config__.tag)


def check(command: Command) -> None:
    """Raises: UsageError, where it can never be done."""
    if isinstance(command, SetBreakpoints):
        for point in command.breakpoints:
            if not isinstance(point, Breakpoint):  # pyright: ignore[reportUnnecessaryIsInstance]  # from users
                raise UsageError(f"a breakpoint is a Breakpoint(node=...), not {point!r}")
            point.check()
    elif isinstance(command, Inject) and command.when not in ("now", "idle"):
        raise UsageError(f"something is said 'now' or when 'idle', not {command.when!r}")
    elif isinstance(command, Step) and command.count < 1:
        raise UsageError("a step is one step or more")


def fits(run_id: str, command: Command) -> Fits:
    """Whether a command can be sent to a run as it is now: raises ``Conflict`` where it cannot."""

    def see(status: Status, waiting: bool, asks: bool) -> None:
        if status in ENDED:
            raise Conflict(f"run {run_id} is {status} and takes no more commands")
        paused = status == "paused"
        match command:
            case Pause() if paused:
                raise Conflict(f"run {run_id} is paused already")
            case Resume() | Step() | Rerun() if asks:
                raise Conflict(f"run {run_id} waits for answers: answer its questions, and it goes on")
            case Resume() | Step() if not paused and not waiting:
                raise Conflict(f"run {run_id} is {status}: nothing holds it")
            case SetState() | Rerun() if not paused:
                raise Conflict(f"run {run_id} is {status}: pause it first")
            case _:
                pass

    return see


def dump_command(command: Command, by: str) -> NewCommand:
    """Raises: StateError, where something in it cannot be stored."""
    body = codec.encode(command, "command")
    return NewCommand(kind=kind(command), by=by, body=body, wakes=isinstance(command, WAKES))


def load_command(kind: str, body: bytes) -> Command:
    """Raises: msgspec.ValidationError, where another version of this program wrote what we cannot read."""
    if kind == "rollback":
        return Rollback(runs=tuple(json.loads(body)["runs"]))
    return Abort() if kind == "abort" else _decode(body)
