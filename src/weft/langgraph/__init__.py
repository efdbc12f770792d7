"""LangGraph beside Weft: its checkpoints in a Weft store, its graphs as nodes, its words on Weft's engine.

``from weft.langgraph import StateGraph, START, END, interrupt, MemorySaver`` needs no other package: a graph that was
written for LangGraph runs on Weft's engine. ``checkpointer``, ``WeftSaver``, ``item_store``, ``WeftStore`` and
``from_langgraph`` are for graphs that go on running on LangGraph's own, and need it: ``pip install 'weft[langgraph]'``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from weft.errors import UsageError
from weft.langgraph.compiled import CompiledStateGraph, StateGraph
from weft.langgraph.current import get_config, get_runtime, get_store, get_stream_writer, interrupt
from weft.langgraph.errors import (
    EmptyInputError,
    GraphInterrupt,
    GraphRecursionError,
    InvalidUpdateError,
    NodeInterrupt,
)
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.messages import REMOVE_ALL_MESSAGES, MessagesState, RemoveMessage, add_messages
from weft.langgraph.savers import (
    AsyncPostgresSaver,
    AsyncSqliteSaver,
    InMemorySaver,
    MemorySaver,
    PostgresSaver,
    SqliteSaver,
)
from weft.langgraph.words import (
    END,
    START,
    CachePolicy,
    Command,
    InMemoryCache,
    Interrupt,
    Overwrite,
    RetryPolicy,
    Runtime,
    Send,
    StateSnapshot,
    StreamWriter,
)

if TYPE_CHECKING:
    from weft.langgraph.foreign import LangGraph, from_langgraph
    from weft.langgraph.saver import WeftSaver, checkpointer
    from weft.langgraph.storing import WeftStore, item_store

_OF_LANGGRAPH = {
    "LangGraph": "foreign",
    "from_langgraph": "foreign",
    "WeftSaver": "saver",
    "checkpointer": "saver",
    "WeftStore": "storing",
    "item_store": "storing",
}

__all__ = [
    "END",
    "REMOVE_ALL_MESSAGES",
    "START",
    "AsyncPostgresSaver",
    "AsyncSqliteSaver",
    "CachePolicy",
    "Command",
    "CompiledStateGraph",
    "EmptyInputError",
    "GraphInterrupt",
    "GraphRecursionError",
    "InMemoryCache",
    "InMemorySaver",
    "Interrupt",
    "InvalidUpdateError",
    "LangGraph",
    "MemorySaver",
    "MessagesState",
    "NodeInterrupt",
    "Overwrite",
    "PostgresSaver",
    "RemoveMessage",
    "RetryPolicy",
    "Runtime",
    "Send",
    "SqliteSaver",
    "StateGraph",
    "StateSnapshot",
    "StreamWriter",
    "WeftCheckpointer",
    "WeftSaver",
    "WeftStore",
    "add_messages",
    "checkpointer",
    "from_langgraph",
    "get_config",
    "get_runtime",
    "get_store",
    "get_stream_writer",
    "interrupt",
    "item_store",
]


def __getattr__(name: str) -> Any:
    """What needs the package ``langgraph``, when it is asked for.

    Raises:
        UsageError: it is not installed.
    """
    if name not in _OF_LANGGRAPH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"weft.langgraph.{_OF_LANGGRAPH[name]}")
    except ModuleNotFoundError as error:
        raise UsageError(f"{name} needs the package langgraph: pip install 'weft[langgraph]' ({error})") from error
    return getattr(module, name)
