"""What a person writes into the state of a run: held to the types and the write rules of its channels."""

from weft.engine.graph import Graph, Update
from weft.errors import GraphError, UsageError
from weft.runtime import codec
from weft.runtime.commands import SetState


def as_update(graph: Graph, command: SetState) -> Update:
    """The command as what a node would return.

    Raises:
        GraphError: a channel or node is not there, or may not be written so.
        UsageError: it is a conversation.
        SchemaMismatch: a value does not fit the type of its channel.
    """
    if command.node is not None and command.node not in graph.nodes:
        raise GraphError(f"graph {graph.name!r} has no node {command.node!r}")
    for name in command.writes:
        _writable(graph, name, command.node)
    writes = {
        name: codec.decode(codec.encode(value, name), graph.channels[name].takes, f"state[{name!r}]")
        for name, value in command.writes.items()
    }
    return Update(writes)


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
