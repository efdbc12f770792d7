"""Guards: what they look at, what they may decide, and those that come with the house.

A guard sees what a person said (``input``), what the model answers (``output``), what a tool is called with (``call``)
and what it gives back (``result``). It lets it pass, changes it, blocks it, or asks a person.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Struct

from weft.engine.context import Context
from weft.errors import AnswerInvalid, UsageError
from weft.events import Stage
from weft.messages import Json, Message, Text, user
from weft.models.base import Model, Request
from weft.models.choose import resolve
from weft.runtime.answers import check
from weft.security.lookalikes import alike, folded
from weft.security.redaction import PERSONAL, SECRETS, Kind, Redactor, kinds_of


class Looked(Struct, frozen=True, kw_only=True):
    """What a guard is shown."""

    stage: Stage
    text: str
    """Words; of a call its arguments as JSON."""
    tool: str = ""
    """Of a call or a result."""
    arguments: Json | None = None
    """Of a call."""
    ctx: Context[Any]


class Change(Struct, frozen=True):
    """Something else instead: text, or for a call other arguments."""

    value: Any
    reason: str = ""


class Block(Struct, frozen=True):
    """It goes no further. Of input and output: ``answer`` is said in its place or, without one, the run fails.

    A call is refused and a result withheld; the model is told why.
    """

    reason: str
    answer: str | None = None


class Ask(Struct, frozen=True):
    """A person decides, before it goes on: of input and calls only. What they refuse is blocked."""

    reason: str


Decided: TypeAlias = Change | Block | Ask | None
"""``None`` lets it pass."""
Check: TypeAlias = Callable[[Looked], Decided | Awaitable[Decided]]
"""A guard can be a function."""


class Guard:
    """Override ``look``, or give a function to ``guard``."""

    name: str = ""
    stages: frozenset[Stage] = frozenset(("input", "output"))
    redactor: Redactor | None = None
    """Where all that it does to words is to redact them: then a stream passes piece by piece."""

    async def look(self, seen: Looked) -> Decided:
        """What becomes of it."""
        return None


def stages_of(on: Sequence[Stage]) -> frozenset[Stage]:
    """Raises: UsageError, where there is no such stage."""
    if unknown := [stage for stage in on if stage not in get_args(Stage)]:
        raise UsageError(f"a guard looks at input, output, call or result, not at {unknown[0]!r}")
    return frozenset(on)


class _Function(Guard):
    def __init__(self, function: Check, on: Sequence[Stage], name: str | None) -> None:
        self._function = function
        self.stages = stages_of(on)
        self.name = name or getattr(function, "__name__", type(function).__name__)

    async def look(self, seen: Looked) -> Decided:
        decided = self._function(seen)
        return await decided if isinstance(decided, Awaitable) else decided


def guard(*on: Stage, name: str | None = None) -> Callable[[Check], Guard]:
    """Make a guard of a function, for certain stages.

    >>> @guard("call")
    ... def no_weekends(seen):
    ...     return Block("not on Sundays") if "Sunday" in seen.text else None
    >>> no_weekends.name, sorted(no_weekends.stages)
    ('no_weekends', ['call'])
    """
    return lambda function: _Function(function, on or ("input", "output"), name)


def as_guard(given: "Guard | Check") -> Guard:
    """Raises: UsageError, where it is none."""
    if isinstance(given, Guard):
        return given
    if not callable(given):
        raise UsageError(f"a guard is a Guard or a function, not {given!r}")
    return _Function(given, ("input", "output"), None)


class Redact(Guard):
    """Personal data is replaced by its kind: ``[email]``; in streams too, wherever their pieces end.

    >>> sorted(Redact("email", "card", on=("output",)).stages)
    ['output']
    """

    usual: Sequence[Kind] = PERSONAL

    def __init__(
        self,
        *kinds: str,
        on: Sequence[Stage] = ("input", "output", "result"),
        patterns: Mapping[str, str] | None = None,
        action: Literal["change", "block"] = "change",
        answer: str | None = None,
    ) -> None:
        """
        Args:
            kinds: ``email``, ``phone`` ...; all that are usual without any.
            patterns: expressions of your own by name, matched within a line.
            action: ``change`` it, or ``block`` all that holds any.
            answer: what is said instead, where it is blocked.
        """
        own = [Kind(name, re.compile(pattern)) for name, pattern in (patterns or {}).items()]
        self._redactor = Redactor(*kinds_of(kinds, () if own and not kinds else self.usual), lines=own)
        self.redactor = self._redactor if action == "change" else None
        self.stages = stages_of(on)
        self.name = type(self).__name__.lower()
        self._answer = answer

    async def look(self, seen: Looked) -> Decided:
        found = self._redactor.found(seen.text)
        if not found:
            return None
        reason = ", ".join(found)
        if self.redactor is None:
            return Block(f"it holds {reason}", self._answer)
        if seen.arguments is not None:
            return Change(self._within(seen.arguments), reason)
        return Change(self._redactor.whole(seen.text), reason)

    def _within(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.whole(value)
        if isinstance(value, dict):
            return {key: self._within(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]  # JSON
        return [self._within(inner) for inner in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]  # JSON


class Secrets(Redact):
    """Keys, tokens and passwords do not leak: out of the answer, out of results, into calls of tools."""

    usual = SECRETS

    def __init__(
        self,
        *kinds: str,
        on: Sequence[Stage] = ("output", "call", "result"),
        patterns: Mapping[str, str] | None = None,
        action: Literal["change", "block"] = "change",
        answer: str | None = None,
    ) -> None:
        super().__init__(*kinds, on=on, patterns=patterns, action=action, answer=answer)


@dataclass(eq=False)
class Topics(Guard):
    """What is talked about: nothing with these words, and nothing that a small model finds to be off the topic."""

    forbidden: Mapping[str, str] | None = None
    """Topic: an expression for its words, whatever their case, and whatever letters look like theirs."""
    allowed: str = ""
    """In words, what may be talked about; ``model`` judges that."""
    model: str | Model | None = None
    on: Sequence[Stage] = ("input",)
    answer: str | None = "I cannot help with that here."
    name: str = "topics"

    def __post_init__(self) -> None:
        self.stages = stages_of(self.on)
        self._patterns = {topic: re.compile(words, re.I) for topic, words in (self.forbidden or {}).items()}
        if bool(self.allowed) != (self.model is not None):
            raise UsageError("Topics(allowed=..., model=...) go together: the model judges what is allowed")

    async def look(self, seen: Looked) -> Decided:
        shown = alike(folded(seen.text))
        for topic, pattern in self._patterns.items():
            if pattern.search(seen.text) or pattern.search(shown):
                return Block(f"it is about {topic}", self.answer)
        if self.model is not None and not await self._is_allowed(seen):
            return Block("it is off the topic", self.answer)
        return None

    async def _is_allowed(self, seen: Looked) -> bool:
        """Whatever is not a clear yes is a no."""
        from weft.agents.thinking import QUIET, ask  # noqa: PLC0415  # it imports hooks, as we do

        assert self.model is not None
        told = f"Say yes or no and nothing else: is the following text about this: {self.allowed}?"
        request = Request(messages=[Message(role="system", parts=(Text(told),)), user(seen.text[:8_000])])
        answer = await ask(resolve(self.model), QUIET, request, seen.ctx)
        return answer.message.text.strip().lower().startswith("yes")


@dataclass(eq=False)
class Fits(Guard):
    """Output, or the arguments of a call, that must fit a JSON Schema beyond what their type says."""

    schema: Json
    on: Sequence[Stage] = ("output",)
    tool: str = "*"
    """Calls of these tools only."""
    name: str = "fits"

    def __post_init__(self) -> None:
        self.stages = stages_of(self.on)
        self._schema = msgspec.json.encode(self.schema)

    async def look(self, seen: Looked) -> Decided:
        if seen.tool and not fnmatchcase(seen.tool, self.tool):
            return None
        try:
            check(seen.tool or "output", self._schema, seen.text.encode())
        except AnswerInvalid as error:
            return Block(str(error))
        except ValueError:
            return Block("it is not JSON")
        return None
