"""Values and checkpoints to bytes and back. A slot's declared type is its codec; nothing is pickled."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Raw, Struct

from weft.engine.channels import UNSET, Overwrite, overwrites
from weft.engine.graph import NOTHING, Graph, Send, Update
from weft.engine.step import Activation, Checkpoint
from weft.errors import SchemaMismatch, StateError
from weft.runtime.conversation import dump_view
from weft.storage.base import CheckpointRow, FinishedRow, Snapshot


def _plain(value: Any) -> Any:
    """What msgspec does not know: Pydantic models, by their own rules."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError


def _rich(of: type[Any], value: Any) -> Any:
    if of is object:  # as in dict[str, object]: whatever JSON gives
        return value
    validate = getattr(of, "model_validate", None)
    if validate is None:
        raise NotImplementedError
    return validate(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain)


@lru_cache(maxsize=4096)
def _decoder(of: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(of, dec_hook=_rich)


def encode(value: Any, where: str = "value") -> bytes:
    """JSON of ``value``.

    Raises:
        StateError: something in it cannot be stored; the message names its path and type.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, NotImplementedError, RecursionError) as error:
        path, bad = _offender(value, where)
        raise StateError(
            f"{path} is of type {type(bad).__qualname__!r}, which cannot be stored; keep data there (str, numbers, "
            "lists, dicts, dataclasses, Pydantic models) and give live objects to the run as `deps`"
        ) from error


def decode(body: bytes, of: Any = Any, where: str = "value") -> Any:
    """Raises:
    SchemaMismatch: what is stored is not an ``of``.
    """
    try:
        return _decoder(_hashable(of)).decode(body)
    except msgspec.ValidationError as error:
        raise SchemaMismatch(f"{where} on record does not fit its type {of!r}: {error}") from error


def _hashable(of: Any) -> Any:
    try:
        hash(of)
    except TypeError:
        return Any
    return of


def _offender(value: Any, path: str, depth: int = 0) -> tuple[str, Any]:
    """The innermost thing that does not encode, and where it is."""
    if depth > 50:
        return path, value
    for key, inner in _children(value):
        try:
            _encoder.encode(inner)
        except Exception:  # whatever it is: we look for the place, the caller has the cause
            return _offender(inner, f"{path}{key}", depth + 1)
    return path, value


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", inner) for key, inner in cast("Mapping[Any, Any]", value).items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{index}]", inner) for index, inner in enumerate(cast("Sequence[Any]", value))]
    if isinstance(value, Struct):
        return [(f".{name}", getattr(value, name)) for name in value.__struct_fields__]
    if is_dataclass(value) and not isinstance(value, type):
        return [(f".{field.name}", getattr(value, field.name)) for field in fields(value)]
    return []


class _Woken(Struct, frozen=True, array_like=True, omit_defaults=True):
    """An activation on record."""

    id: str
    node: str
    sent: bytes | None = None
    """JSON of its payload, where one was sent to it."""


Source: TypeAlias = Literal["step", "input", "fork", "migration"]
"""What made a checkpoint."""


_SHORT = {"frontier": "f", "version": "v", "head_seq": "m", "parent": "p", "source": "s", "held": "h"}
"""Names on record: a head is written at every step."""


class Head(Struct, frozen=True, omit_defaults=True, rename=_SHORT):
    """What a checkpoint says beside its values."""

    frontier: tuple[_Woken, ...] = ()
    version: str = ""
    """As the author of the graph called it."""
    head_seq: int = 0
    """The number of the thread's last message then."""
    parent: int | None = None
    """The step it follows, where that is not the one before."""
    source: Source = "step"
    held: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[tuple[str, str], ...]:
        """(activation, node) of all that comes next."""
        return tuple([(woken.id, woken.node) for woken in self.frontier])


class _Update(Struct, frozen=True, omit_defaults=True):
    writes: dict[str, Raw] = {}
    sends: tuple[tuple[str, Raw], ...] = ()
    goto: tuple[str, ...] = ()
    instead: bool = False
    over: tuple[str, ...] = ()
    """The channels that are overwritten."""


decode_head = msgspec.msgpack.Decoder(Head).decode
_encode_head = msgspec.msgpack.Encoder().encode
_decode_update = msgspec.json.Decoder(_Update).decode

_MANY = 64
"""Appends before a channel is written whole again, if they have outgrown its base fourfold."""


class Slots:
    """How the channels of one graph lie in the store: what to add for a step, and how to read them back."""

    __slots__ = ("_graph", "_sizes", "ranges", "view", "whole")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.ranges: dict[str, tuple[int, int]] = {}
        self._sizes: dict[str, list[int]] = {}
        """For channels stored by their updates: bytes of the base, bytes and number of the appends."""
        self.whole = False
        """Whether the next checkpoint is to hold every value, changed or not."""
        self.view = b"{}"
        """What of the conversation was in view at the last checkpoint that said so."""

    def changed(self, checkpoint: Checkpoint) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """What the last step set, and what it added."""
        values: dict[str, bytes] = {}
        added: dict[str, bytes] = {}
        channels, here = self._graph.channels, (checkpoint.step, checkpoint.step)
        written = checkpoint.written
        if self.whole:
            self.whole, written = False, {name: [value] for name, value in checkpoint.values.items()}
        for name, updates in written.items():
            stored = channels[name].stored
            if stored == "rows":
                view = dump_view(checkpoint.values[name])
                if view == self.view:  # the messages are rows; where the window on them moved, the checkpoint says so
                    continue
                values[name] = self.view = view
            elif (value := checkpoint.values.get(name, UNSET)) is UNSET:
                continue
            elif stored == "updates" and self._extends(name, updates):
                added[name] = self._added(name, checkpoint.step, updates)
                continue
            else:
                body = values[name] = _body(name, value)
                if stored == "updates":
                    self._sizes[name] = [len(body), 0, 0]
            self.ranges[name] = here
        if not self.ranges.keys() <= checkpoint.values.keys():
            for name in self.ranges.keys() - checkpoint.values.keys():
                del self.ranges[name]
                self._sizes.pop(name, None)
        return values, added

    def _extends(self, name: str, updates: list[Any]) -> bool:
        """Whether the store need only have what is new."""
        sizes = self._sizes.get(name)
        return sizes is not None and name in self.ranges and not _outgrown(sizes) and not overwrites(updates)

    def _added(self, name: str, step: int, updates: list[Any]) -> bytes:
        body, sizes = _body(name, updates), self._sizes[name]
        sizes[1] += len(body)
        sizes[2] += 1
        self.ranges[name] = (self.ranges[name][0], step)
        return body

    def read(self, snapshot: Snapshot) -> dict[str, Any]:
        """The values on record."""
        values: dict[str, Any] = {}
        for _, slot in snapshot.slots:
            channel = self._graph.channels.get(slot.channel)
            if channel is None:
                continue
            if channel.stored == "rows":
                self.view = slot.body
                continue
            where = f"state[{slot.channel!r}]"
            if slot.op == "set":
                values[slot.channel] = decode(slot.body, channel.of, where)
                self._sizes[slot.channel] = [len(slot.body), 0, 0]
            else:
                updates = decode(slot.body, list[channel.takes], where)
                values[slot.channel] = channel.merge(values.get(slot.channel, UNSET), updates)
                self._sizes[slot.channel][1] += len(slot.body)
                self._sizes[slot.channel][2] += 1
        self.ranges = dict(snapshot.ranges)
        return values


def _body(channel: str, value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except Exception:
        return encode(value, f"state[{channel!r}]")  # says what is wrong, and where


def _outgrown(sizes: list[int]) -> bool:
    base, appended, count = sizes
    return count >= _MANY and appended >= 4 * base


def dump_checkpoint(
    graph: Graph,
    checkpoint: Checkpoint,
    slots: Slots,
    path: str,
    *,
    head_seq: int = 0,
    parent: int | None = None,
    source: Source = "step",
) -> CheckpointRow:
    """What a store keeps of ``checkpoint``: its head, and what its last step changed."""
    values, added = slots.changed(checkpoint)
    woken = tuple([_woken(one) for one in checkpoint.frontier])
    head = _encode_head(Head(woken, graph.evolution.version, head_seq, parent, source, checkpoint.held))
    others = {name: span for name, span in slots.ranges.items() if name not in values}
    return CheckpointRow(path, checkpoint.step, graph.version, head, values, added, others)


def _woken(one: Activation) -> _Woken:
    return _Woken(one.id, one.node, encode(one.payload, f"payload of {one.node!r}") if one.sent else None)


def changed_channels(graph: Graph, row: CheckpointRow) -> tuple[str, ...]:
    """The channels that a step changed, without those that live for one step only."""
    changed = (*row.values, *row.added)
    return tuple([name for name in changed if name not in graph.passing]) if graph.passing else changed


def load_checkpoint(graph: Graph, snapshot: Snapshot, slots: Slots, *, open: bool = True) -> Checkpoint:
    """The checkpoint on record, without the channels that are stored as rows; with what is to run, if it is ``open``.

    Raises:
        SchemaMismatch: the graph has changed so that it cannot go on from here.
    """
    frontier = load_frontier(graph, snapshot) if open else ()
    held = tuple([name for name in decode_head(snapshot.head).held if name in graph.nodes]) if open else ()
    return Checkpoint(step=snapshot.step, values=slots.read(snapshot), frontier=frontier, held=held)


def load_frontier(graph: Graph, snapshot: Snapshot) -> tuple[Activation, ...]:
    """What is to run. Raises: SchemaMismatch."""
    frontier: list[Activation] = []
    for woken in decode_head(snapshot.head).frontier:
        node = graph.nodes.get(woken.node)
        if node is None:
            raise SchemaMismatch(
                f"this thread stopped before node {woken.node!r}, which graph {graph.name!r} no longer has; "
                "bring the node back, or begin a new thread"
            )
        payload = decode(woken.sent, node.payload) if woken.sent is not None else None
        frontier.append(Activation(woken.id, woken.node, payload, woken.sent is not None))
    return tuple(frontier)


def dump_update(graph: Graph, path: str, step: int, activation: Activation, update: Update) -> FinishedRow:
    """An activation that is done while its siblings are not."""
    over = tuple([name for name, value in update.writes.items() if type(value) is Overwrite])
    plain = _Update(
        writes={name: Raw(encode(plainly(value), f"state[{name!r}]")) for name, value in update.writes.items()},
        sends=tuple([(send.node, Raw(encode(send.payload, f"payload of {send.node!r}"))) for send in update.sends]),
        goto=tuple(update.goto),
        instead=update.instead,
        over=over,
    )
    return FinishedRow(path=path, step=step, activation=activation.id, body=_encoder.encode(plain))


def plainly(value: Any) -> Any:
    """What a write says, whether it overwrites or not."""
    return value.value if type(value) is Overwrite else value


def written(graph: Graph, name: str, value: Any) -> Any:
    """A write from outside, in the type that its channel takes; one that overwrites in that of its value.

    Raises:
        SchemaMismatch: it does not fit.
        StateError: it cannot be stored.
    """
    channel, where = graph.channels[name], f"state[{name!r}]"
    if type(value) is Overwrite:
        return Overwrite(decode(encode(value.value, where), channel.of, where))
    return decode(encode(value, where), channel.takes, where)


def load_updates(graph: Graph, rows: Sequence[FinishedRow]) -> Mapping[str, Update]:
    """The activations of the open step that were done."""
    if not rows:
        return NOTHING
    return {row.activation: _load_update(graph, row.body) for row in rows}


def _load_update(graph: Graph, body: bytes) -> Update:
    plain = _decode_update(body)
    writes: dict[str, Any] = {}
    for name, raw in plain.writes.items():
        channel = graph.channels[name]
        over = name in plain.over
        value = decode(bytes(raw), channel.of if over else channel.takes)
        writes[name] = Overwrite(value) if over else value
    return Update(
        writes=writes,
        sends=tuple(Send(node, decode(bytes(raw), graph.nodes[node].payload)) for node, raw in plain.sends),
        goto=plain.goto,
        instead=plain.instead,
    )
