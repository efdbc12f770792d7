"""Lists of messages in a state: appended, replaced by id, removed."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final, cast
from uuid import uuid4

from typing_extensions import TypedDict

from weft.langgraph.current import task

REMOVE_ALL_MESSAGES: Final = "__remove_all__"


class RemoveMessage(dict[str, Any]):
    """Takes the message with this id out of the list."""

    def __init__(self, id: str) -> None:
        super().__init__(role="remove", id=id, content="")


def add_messages(left: Any = None, right: Any = None, **options: Any) -> Any:
    """``left`` and then ``right``: a message with an id that is there takes its place.

    Messages are what they are: dicts, or objects with an ``id``. Where ``langchain_core`` is loaded, dicts, pairs and
    text become its messages, as LangGraph does it; else text becomes ``{"role": "user", ...}``.
    """
    if left is None and right is None:
        return partial(add_messages, **options)
    before, after = [[_message(one) for one in _list(side)] for side in (left, right)]
    for message in (*before, *after):
        _identify(message)
    for index, message in enumerate(after):
        if _is_removal(message) and _id(message) == REMOVE_ALL_MESSAGES:
            return after[index + 1 :]
    merged, places = list(before), {_id(message): index for index, message in enumerate(before)}
    gone: set[str] = set()
    for message in after:
        id = _id(message)
        if (place := places.get(id)) is not None:
            if _is_removal(message):
                gone.add(id)
            else:
                gone.discard(id)
                merged[place] = message
        elif _is_removal(message):
            raise ValueError(f"Attempting to delete a message with an ID that doesn't exist ('{id}')")
        else:
            places[id] = len(merged)
            merged.append(message)
    return _formatted([message for message in merged if _id(message) not in gone], options.get("format"))


def push_message(message: Any, *, state_key: str | None = "messages") -> Any:
    """Tell a message at once, and write it to the state when the node is done.

    Raises:
        ValueError: it has no id.
    """
    now = task()
    (made,) = [_message(message)]
    if not _id(made):
        raise ValueError("Message ID is required")
    now.run.tell.say(now, made)
    if state_key is not None:
        now.pushed.setdefault(state_key, []).append(made)
    return made


def _formatted(messages: list[Any], format: str | None) -> list[Any]:
    if format is None:
        return messages
    if format != "langchain-openai":
        raise ValueError(f"Unrecognized format={format!r}. Expected one of 'langchain-openai', None.")
    chat: Any = sys.modules["langchain_core.messages"]
    return chat.convert_to_messages(chat.convert_to_openai_messages(messages))


class MessagesState(TypedDict):
    """A state with ``messages``."""

    messages: Annotated[list[Any], add_messages]


def _list(side: Any) -> list[Any]:
    return cast("list[Any]", side) if isinstance(side, list) else [] if side is None else [side]


def _message(one: Any) -> Any:
    chat = sys.modules.get("langchain_core.messages")
    if chat is not None and isinstance(one, str | tuple | dict) and not isinstance(one, RemoveMessage):
        convert: Callable[[Any], list[Any]] = chat.convert_to_messages
        return convert([one])[0]
    if isinstance(one, str):
        return {"role": "user", "content": one}
    if isinstance(one, tuple):
        role, content = cast("tuple[str, Any]", one)
        return {"role": role, "content": content}
    if isinstance(one, Mapping) and not isinstance(one, RemoveMessage):
        return dict(cast("Mapping[str, Any]", one))
    return one


def _id(message: Any) -> str:
    return cast("dict[str, str]", message).get("id", "") if isinstance(message, dict) else message.id


def _identify(message: Any) -> None:
    if isinstance(message, dict):
        cast("dict[str, Any]", message).setdefault("id", str(uuid4()))
    elif message.id is None:
        message.id = str(uuid4())


def _is_removal(message: Any) -> bool:
    if isinstance(message, dict):
        return cast("dict[str, Any]", message).get("role") == "remove"
    return getattr(message, "type", "") == "remove"
