"""What a person writes into the state of a run: held to the types and the write rules of its channels."""

from collections.abc import Mapping
from typing import Any, get_args

from weft.engine.channels import Overwrite, Topic
from weft.engine.graph import Graph, Update
from weft.errors import GraphError, SchemaMismatch, UsageError
from weft.runtime import codec
from weft.runtime.commands import SetState


def as_update(graph: Graph, command: SetState) -> Update:
    """The command as what a node would return.

    Raises:
        GraphError: a channel or node is not there, or may not be written so, or a value does not fit its channel.
        UsageError: it is a conversation.
    """
    if command.node is not None and command.node not in graph.nodes:
        raise GraphError(f"graph {graph.name!r} has no node {command.node!r}")
    if strange := [name for name in command.overwrite if name not in command.writes]:
        raise UsageError(f"nothing is written to {strange[0]!r}, which is to be overwritten")
    for name in command.writes:
        _writable(graph, name, command.node)
    writes = {
        name: taken(graph, name, Overwrite(value) if name in command.overwrite else value)
        for name, value in command.writes.items()
    }
    return Update(writes)


def taken(graph: Graph, name: str, value: Any) -> Any:
    """A write in the type that its channel takes; of a topic, also a single item.

    Raises:
        GraphError: it does not fit.
        StateError: it cannot be stored.
    """
    if isinstance(graph.channels[name], Topic) and not isinstance(value, list | tuple | Overwrite):
        value = [value]
    try:
        return codec.written(graph, name, value)
    except SchemaMismatch as error:
        of = graph.channels[name].of
        told = getattr(of, "__name__", of) if not get_args(of) else of
        raise GraphError(f"{name!r} of graph {graph.name!r} is {told}, which that is not: {error.__cause__}") from error


def as_command(writes: Mapping[str, Any], node: str | None, path: str | None) -> SetState:
    """The command that says the same; ``Overwrite`` values are named beside the others.

    Raises:
        UsageError: these are no writes.
    """
    if not isinstance(writes, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # from users
        raise UsageError(f"state is written as a dict of channels, not as {writes!r}")
    over = tuple([name for name, value in writes.items() if isinstance(value, Overwrite)])
    return SetState(
        writes={name: codec.plainly(value) for name, value in writes.items()}, node=node, path=path, overwrite=over
    )


def _writable(graph: Graph, name: str, node: str | None) -> None:
    channel = graph.channels.get(name)
    if channel is None:
        known = ", ".join(sorted(graph.channels))
        raise GraphError(f"graph {graph.name!r} has no channel {name!r}; there is: {known}")
    if channel.stored == "rows":
        raise UsageError(f"{name!r} is a conversation, which is only added to: inject a message")
    may = graph.writers.get(name)
    if may is not None and node not in may:
        raise GraphError(f"only {', '.join(sorted(may)) or 'nobody'} may write to {name!r}; name one as `node`")
