"""How items are chosen: namespaces by patterns, values by filters, texts by paths, vectors by whoever embeds."""

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from weft.langgraph.blocking import in_thread
from weft.langgraph.store.base import MatchCondition

Vector = Sequence[float]


def matches(namespace: tuple[str, ...], wanted: MatchCondition) -> bool:
    """Whether a namespace begins or ends as is wanted; ``*`` stands for any part."""
    size = len(wanted.path)
    if len(namespace) < size:
        return False
    part = namespace[:size] if wanted.match_type == "prefix" else namespace[len(namespace) - size :]
    return all(want in ("*", have) for have, want in zip(part, wanted.path, strict=True))


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is what is wanted: equal, or as operators like ``{"$gt": 1}`` say."""
    if not isinstance(wanted, dict):
        return value == wanted
    parts = cast("dict[str, Any]", wanted)
    if not any(key.startswith("$") for key in parts):
        if not isinstance(value, dict):
            return False
        return all(fits(cast("dict[str, Any]", value).get(key), one) for key, one in parts.items())
    return all(_compared(value, key, one) for key, one in parts.items())


def _compared(value: Any, operator: str, wanted: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return (value == wanted) == (operator == "$eq")
    try:
        have, want = float(value), float(wanted)
    except (TypeError, ValueError):
        return False
    known = {"$gt": have > want, "$gte": have >= want, "$lt": have < want, "$lte": have <= want}
    if operator not in known:
        raise ValueError(f"Unsupported operator: {operator}")
    return known[operator]


def texts(value: Any, path: str) -> list[str]:
    """The texts at a path such as ``title``, ``meta.tags[*]``, or ``$`` for all of it.

    >>> texts({"meta": {"tags": ["a", "b"]}}, "meta.tags[*]"), texts({"b": 1, "a": "x"}, "$")
    (['a', 'b'], ['{"a": "x", "b": 1}'])
    """
    if path == "$":
        return [_told(value)]
    found: list[Any] = [value]
    for part in path.replace("[", ".[").split("."):
        step: list[Any] = []
        for one in found:
            if part.startswith("[") and isinstance(one, list):
                items = cast("list[Any]", one)
                step.extend(items if part == "[*]" else items[int(part[1:-1]) :][:1])
            elif isinstance(one, dict) and part in one:
                step.append(cast("dict[str, Any]", one)[part])
        found = step
    return [_told(one) for one in found if one is not None]


def _told(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return str(value)


def embedding(named: Any) -> Any:
    """Who makes vectors; a name such as ``minilm`` or ``openai:text-embedding-3-small`` is one of Weft's."""
    if not isinstance(named, str):
        return named
    from weft.models.embedding import embedder  # noqa: PLC0415  # only who names one needs it

    return embedder(named.replace(":", "/", 1))


async def embedded(embed: Any, given: list[str]) -> list[Vector]:
    """Vectors, by a function of texts, LangChain's ``Embeddings``, or an ``Embedder`` of ours."""
    if hasattr(embed, "aembed_documents"):
        return await embed.aembed_documents(given)
    if hasattr(embed, "embed"):
        return list((await embed.embed(given)).vectors)
    call = cast("Callable[[list[str]], Any]", embed)
    return await call(given) if inspect.iscoroutinefunction(call) else await in_thread(call, given)
