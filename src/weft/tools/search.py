"""``Deferred``: hundreds of tools of which a model is told only those that it looked for."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from weft.engine.context import Context
from weft.errors import ToolRetry
from weft.messages import Json, Message, ToolSpec
from weft.tools.base import Returned, Tool, ToolSet

NAME = "tool_search"
KEEP = 20
"""Tools that were found or called and that a model goes on being told of: the last ones."""

_WORD = re.compile(r"[a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Deferred:
    """The tools of a set, of which a model sees one at first: ``tool_search``.

    What it finds it may call from the next turn on. ``always`` are names that it is told of from the start, ``found``
    is how many tools one search gives.
    """

    def __init__(self, inner: ToolSet, *, always: Sequence[str] = (), found: int = 5) -> None:
        self._inner, self._always, self._found = inner, frozenset(always), found
        self._seen: Sequence[Tool] = ()
        self._made: list[Tool] = []

    def __repr__(self) -> str:
        return f"Deferred({self._inner!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        members = await self._inner.tools(ctx)
        if len(members) != len(self._seen) or any(a is not b for a, b in zip(members, self._seen, strict=True)):
            hidden = [replace(each, deferred=True) for each in members if each.name not in self._always]
            shown = [each for each in members if each.name in self._always]
            self._made = [_searching(Index(hidden), self._found), *shown, *hidden]
            self._seen = members
        return self._made


def offered(tools: Iterable[Tool], said: Iterable[Message]) -> list[Tool]:
    """What a model is told of: all tools but the deferred ones, and of those the last that it found or called.

    It follows from the messages alone, so it is the same after a crash, in a replay and in a fork.
    """
    tools = list(tools)
    if not any(tool.deferred for tool in tools):
        return tools
    wanted = _wanted(said)
    return [tool for tool in tools if not tool.deferred or tool.name in wanted]


def _wanted(said: Iterable[Message]) -> set[str]:
    names: dict[str, None] = {}
    for message in said:
        if message.role not in ("tool", "assistant"):
            continue
        now = [call.name for call in message.tool_calls]
        for result in message.tool_results:
            if result.name == NAME and not result.failed:
                now += _names(result.content)
        for name in now:
            names.pop(name, None)
            names[name] = None
    return set(list(names)[-KEEP:])


class _Hit(msgspec.Struct):
    name: str
    description: str = ""


def _names(content: str) -> list[str]:
    try:
        return [hit.name for hit in msgspec.json.decode(content, type=list[_Hit])]
    except msgspec.MsgspecError:
        return []


def _searching(index: "Index", found: int) -> Tool:
    async def call(arguments: Json, ctx: Context[Any]) -> Returned:
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip():
            raise ToolRetry("Wrong arguments:\n- query: wanted some words on what the tool should do")
        hits = [_Hit(tool.name, tool.spec.description) for tool in index.search(query, found)]
        if not hits:
            return Returned(content=f"No tool fits {query!r}; try other words. There are tools for: {index.topics}")
        return Returned(content=msgspec.json.encode(hits).decode())

    return Tool(
        spec=ToolSpec(
            name=NAME,
            description=f"Find tools among {len(index.tools)} more that you may call from your next turn on, "
            f"by what they should do. Among their topics: {index.topics}",
            parameters={
                "type": "object",
                "properties": {"query": {"type": "string", "description": "What the tool should do, in a few words."}},
                "required": ["query"],
                "additionalProperties": False,
            },
        ),
        call=call,
        effect="read",
    )


class Index:
    """Tools by the words of their names, descriptions and parameters: BM25, where a word of the name counts thrice."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tools
        self._counts = [Counter(_words_of(tool)) for tool in tools]
        self._lengths = [sum(count.values()) for count in self._counts]
        self._mean = sum(self._lengths) / len(tools) if tools else 1.0
        self._in = Counter(word for count in self._counts for word in count)

    @property
    def topics(self) -> str:
        """The words that most names have in common."""
        known = Counter(word for tool in self.tools for word in set(words(tool.name)) if len(word) > 2)
        return ", ".join(word for word, _ in known.most_common(12))

    def search(self, query: str, most: int) -> list[Tool]:
        """The best, best first. A name that is written out wins."""
        wanted = set(words(query))
        scores = [(self._score(n, wanted) + 100 * (tool.name in query), -n) for n, tool in enumerate(self.tools)]
        best = sorted((score for score in scores if score[0] > 0), reverse=True)[:most]
        return [self.tools[-n] for _, n in best]

    def _score(self, n: int, wanted: set[str]) -> float:
        count, total = self._counts[n], len(self.tools)
        norm = 1.2 * (0.25 + 0.75 * self._lengths[n] / self._mean)
        score = 0.0
        for word in wanted:
            if times := count.get(word, 0):
                rare = math.log(1 + (total - self._in[word] + 0.5) / (self._in[word] + 0.5))
                score += rare * times * 2.2 / (times + norm)
        return score


def words(text: str) -> list[str]:
    """Its words, without endings that say nothing of their meaning.

    >>> words("listIssues of repos_by_name")
    ['list', 'issue', 'of', 'repo', 'by', 'name']
    """
    return [_stem(word) for word in _WORD.findall(_HUMP.sub(" ", text).lower())]


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _words_of(tool: Tool) -> list[str]:
    names = list(tool.spec.parameters.get("properties", {}))
    return [*words(tool.name) * 3, *words(tool.spec.description), *words(" ".join(names))]
