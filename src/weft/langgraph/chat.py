"""LangChain's callbacks around a node, where LangChain is there: what its models say becomes the messages stream."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from weft.langgraph.words import TAG_NOSTREAM, Config

Say = Callable[[str, Any, dict[str, Any]], None]
"""Namespace of the task, message, and what is known of it."""


@contextmanager
def within(config: Config | None) -> Generator[None]:
    """Let what is called inside find ``config``, as LangChain's objects look for it."""
    if config is None or "langchain_core.runnables.config" not in sys.modules:
        yield
        return
    from langchain_core.runnables.config import var_child_runnable_config  # noqa: PLC0415  # only where it is loaded

    token = var_child_runnable_config.set(config)  # pyright: ignore[reportArgumentType]  # a config is a dict
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def side_by_side(calls: dict[str, Any]) -> Any:
    """A dict of functions, which LangChain takes for one that gives a dict of what they give.

    Raises:
        ImportError: it is not installed.
    """
    from langchain_core.runnables import RunnableParallel  # noqa: PLC0415  # the door to it

    return RunnableParallel(calls)


def heard_by(callbacks: Any, listener: Any) -> Any:
    """The callbacks of a config, with one more."""
    if callbacks is None:
        return [listener]
    if isinstance(callbacks, list):
        return [*callbacks, listener]  # pyright: ignore[reportUnknownVariableType]  # whatever they are
    both = callbacks.copy()
    both.add_handler(listener, inherit=True)
    return both


def listener(say: Say, seen: set[Any]) -> Any:
    """What LangChain tells of its models; ``None`` where it is not installed."""
    kind = _kind()
    return None if kind is None else kind(say, seen)


def beating(callbacks: Any, beat: Callable[[], None]) -> Any:
    """The callbacks of a config, with one for which all that LangChain tells of is a sign of life."""
    kind = _beater()
    return callbacks if kind is None else heard_by(callbacks, kind(beat))


@cache
def _beater() -> Any:
    if "langchain_core" not in sys.modules:
        return None
    from langchain_core.callbacks import BaseCallbackHandler  # noqa: PLC0415  # the door to it

    def told(self: Any, *_: Any, **__: Any) -> None:
        self.beat()

    def made(self: Any, beat: Callable[[], None]) -> None:
        self.beat = beat

    heard = [name for name in dir(BaseCallbackHandler) if name.startswith("on_")]
    return type("Beater", (BaseCallbackHandler,), {"__init__": made, "run_inline": True, **dict.fromkeys(heard, told)})


@cache
def _kind() -> Any:  # noqa: C901  # a class of another library, made when it is there
    try:
        from langchain_core.callbacks import BaseCallbackHandler  # noqa: PLC0415  # the door to it
        from langchain_core.tracers._streaming import _StreamingCallbackHandler  # noqa: PLC0415
    except ImportError:
        return None

    class Listener(BaseCallbackHandler, _StreamingCallbackHandler):  # pyright: ignore[reportMissingTypeArgument]
        """Passes on the pieces of what chat models say, and messages that were not said in pieces."""

        run_inline = True

        def __init__(self, say: Say, seen: set[Any]) -> None:
            self._say, self._seen = say, seen
            self._runs: dict[UUID, dict[str, Any]] = {}

        def tap_output_aiter(self, run_id: UUID, output: Any) -> Any:
            return output

        def tap_output_iter(self, run_id: UUID, output: Any) -> Any:
            return output

        def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **more: Any) -> None:
            metadata: Any = more.get("metadata")
            tags: list[str] = more.get("tags") or []
            if metadata and TAG_NOSTREAM not in tags:
                told = [tag for tag in tags if not tag.startswith("seq:step")]
                self._runs[run_id] = {**metadata, **({"tags": told} if told else {})}

        def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **_: Any) -> None:
            if hasattr(chunk, "message") and run_id in self._runs:
                self._tell(self._runs[run_id], chunk.message)

        def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
            about = self._runs.pop(run_id, None)
            if about is not None and response.generations and response.generations[0]:
                message = getattr(response.generations[0][0], "message", None)
                if message is not None and message.id not in self._seen:
                    self._tell(about, message)

        def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
            self._runs.pop(run_id, None)

        def _tell(self, about: dict[str, Any], message: Any) -> None:
            if message.id is None:
                message.id = str(uuid4())
            self._seen.add(message.id)
            self._say(about.get("langgraph_checkpoint_ns", ""), message, about)

    return Listener


def any_message() -> Any:
    """The type of all of LangChain's messages."""
    from langchain_core.messages import AnyMessage  # noqa: PLC0415  # the door to it

    return AnyMessage
