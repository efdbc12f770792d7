"""What a tool gives back, made into what a model can read: words, JSON, pictures."""

from typing import Any, cast

import msgspec

from weft.errors import ToolFailed
from weft.messages import Media, Text
from weft.tools.base import Returned


def returned(value: Any) -> Returned:
    """A tool's result as ``Returned``: text as it is, ``Media`` as an attachment, anything else as JSON.

    A list with media in it becomes the words between them and the media.

    Raises:
        ToolFailed: the value has no JSON form; the message names its type.

    >>> returned({"sum": 3}).content
    '{"sum":3}'
    """
    if isinstance(value, Returned):
        return value
    if isinstance(value, str):
        return Returned(content=_sound(value))
    if isinstance(value, Media | Text):
        return _mixed([value])
    if isinstance(value, list | tuple):
        items = cast("list[Any] | tuple[Any, ...]", value)
        if any(isinstance(item, Media | Text) for item in items):
            return _mixed(items)
    return Returned(content=as_json(value))


def as_json(value: Any) -> str:
    """Compact JSON of anything that has one: msgspec's types, and Pydantic's.

    Raises:
        ToolFailed: it has none.
    """
    try:
        return msgspec.json.encode(_without_bytes(value), enc_hook=_plain).decode()
    except RecursionError:
        raise ToolFailed(f"the tool returned a {_name(value)} that contains itself") from None
    except UnicodeEncodeError:
        return as_json(_sounder(msgspec.to_builtins(value, enc_hook=_plain, str_keys=True)))
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise ToolFailed(f"the tool returned a {_name(value)} that is not JSON: {error}") from error


def as_plain(value: Any) -> Any:
    """The same, as dicts, lists, text and numbers.

    Raises:
        ToolFailed: it has no JSON form.
    """
    return value if isinstance(value, str) else msgspec.json.decode(as_json(value))


def _mixed(items: "list[Any] | tuple[Any, ...]") -> Returned:
    words: list[str] = []
    media: list[Media] = []
    for item in items:
        if isinstance(item, Media):
            media.append(item)
            words.append(f"[{item.mime}: {item.name}]" if item.name else f"[{item.mime}]")
        elif isinstance(item, Text):
            words.append(_sound(item.text))
        else:
            words.append(returned(item).content)
    return Returned(content="\n".join(words), media=tuple(media))


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        raise ToolFailed(f"the tool returned {_name(value)}: return Media(mime=..., data=...) or text instead")
    return value


def _plain(value: Any) -> Any:
    """What msgspec does not know, Pydantic may: models, paths, generators ..."""
    from pydantic_core import PydanticSerializationError, to_jsonable_python  # noqa: PLC0415 - rarely needed

    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        raise ToolFailed(
            f"the tool returned a {_name(value)}, which has no JSON form: return text, JSON or Media"
        ) from None


def _sound(text: str) -> str:
    """Text that can be stored and sent: half characters (lone surrogates) become question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _sounder(value: Any) -> Any:
    """The same in all the text of a JSON value."""
    if isinstance(value, str):
        return _sound(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {_sound(key): _sounder(each) for key, each in pairs.items()}
    if isinstance(value, list | tuple):
        return [_sounder(each) for each in cast("list[Any]", value)]
    return value


def _name(value: Any) -> str:
    kind: type[object] = value.__class__
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
