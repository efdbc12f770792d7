"""``CodeMode``: a model writes Python that calls its tools, instead of one call after the other.

The program runs in ``pydantic-monty``, an interpreter that has nothing of this machine: no files, no network, no
packages. All that it can do is call the tools, and each of these calls takes the path of any tool call: it is
approved, journalled, and not made again when the run goes on after a pause or a crash (the program then starts over,
and the calls that were done answer from the record).
"""

import asyncio
import json
import keyword
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from weft.agents.acting import act
from weft.agents.hooks import Hook
from weft.engine.channels import LastValue
from weft.engine.context import CURRENT, Context, Interrupted, joined
from weft.engine.graph import Graph, Node, State, Update
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.messages import Json, ToolCall, ToolSpec
from weft.runtime.run import Runnable
from weft.tools.base import Returned, Tool, ToolSet
from weft.tools.results import as_json

NAME = "run_code"
SHOWN = 12_000
"""Characters of the functions' descriptions, at most."""

_HEAD = """Run a Python program that may call these functions; they are async: `x = await name(argument=...)`, or
several at once by `asyncio.gather` (import asyncio). What it prints comes back, and the value of its last line. A
function that fails raises. There are no files, no network and no packages; json, re, math, datetime and asyncio can
be imported.

"""


class CodeMode:
    """The tools of a set as functions of programs that a model writes; it needs the extra ``weft[code]``.

    ``hooks`` stand around each inner call, as those of the agent stand around the whole program. A program may compute
    for ``seconds`` and hold ``memory`` bytes; waiting for tools does not count.
    """

    def __init__(
        self,
        inner: ToolSet,
        *,
        hooks: Sequence[Hook] = (),
        seconds: float = 10.0,
        memory: int = 100_000_000,
        calls: int = 200,
    ) -> None:
        self._inner, self._hooks = inner, tuple(hooks)
        self._seconds, self._memory, self._calls = seconds, memory, calls

    def __repr__(self) -> str:
        return f"CodeMode({self._inner!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: UsageError, where two tools have one name in Python."""
        members = {tool.name: tool for tool in await self._inner.tools(ctx)}
        names = {_identifier(name): name for name in members}
        if len(names) != len(members):
            raise UsageError(f"two tools of {self!r} have one name in Python: rename one")

        async def call(arguments: Json, ctx: Context[Any]) -> Returned:
            code = arguments.get("code")
            if not isinstance(code, str):
                raise ToolRetry("Wrong arguments:\n- code: wanted string (the whole program)")
            return await self._run(code, names, members, ctx)

        words = _HEAD + "\n".join(_signature(python, members[name]) for python, name in names.items())
        parameters: Json = {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "The whole program."}},
            "required": ["code"],
            "additionalProperties": False,
        }
        spec = ToolSpec(name=NAME, description=words[:SHOWN], parameters=parameters)
        return [Tool(spec=spec, call=call, timeout=None)]

    async def _run(
        self, code: str, names: Mapping[str, str], members: Mapping[str, Tool], ctx: Context[Any]
    ) -> Returned:
        monty = await asyncio.to_thread(_monty)
        calls = _Calls(ctx, members, self._hooks, self._calls)
        lookup = {python: calls.function(name) for python, name in names.items()}
        said: list[str] = []

        def heard(stream: str, text: str) -> None:
            said.append(text)

        limits = {"max_feed_duration_secs": self._seconds, "max_memory": self._memory, "max_total_sleep_secs": 0.0,
                  "max_suspensions": 10 * self._calls}  # fmt: skip
        policy = {"sleep": "zero", "random_start": {"seed": ctx.idempotency_key}}  # the same when it runs again
        try:
            async with (
                monty.AsyncMonty(request_timeout=self._seconds + 5, max_processes=1) as pool,
                pool.checkout(limits=limits, os_policy=policy) as session,
            ):
                value = await session.feed_run(code, external_lookup=lookup, print_callback=heard)
        except monty.MontyError as error:
            calls.check()
            raise ToolRetry(f"{''.join(said)}{_words(error)}"[-4000:]) from None
        finally:
            CURRENT.set(ctx)
        calls.check()
        shown = "" if value is None else value if isinstance(value, str) else as_json(value)
        return Returned(content="".join(said) + shown or "(it said nothing)")


class _Calls:
    """The calls that one program makes. Once one of them must wait, none is made any more."""

    def __init__(self, ctx: Context[Any], members: Mapping[str, Tool], hooks: tuple[Hook, ...], most: int) -> None:
        self._ctx, self._members, self._hooks, self._left = ctx, members, hooks, most
        self._stops: list[BaseException] = []
        self._turn = asyncio.Lock()

    def function(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **given: Any) -> Any:
            if self._stops:
                raise RuntimeError("the run waits for something")
            if args:
                raise TypeError(f"{name} takes named arguments only")
            if self._left <= 0:
                raise RuntimeError("this program has made all the calls that it may")
            self._left -= 1
            target = _Inner(name, self._members, self._hooks)
            try:
                done = await self._ctx.call(target, msgspec.to_builtins(given))
            except Exception:
                raise
            except BaseException as stop:
                self._stops.append(stop)
                raise RuntimeError("the run waits for something") from None
            if done["failed"]:
                raise RuntimeError(done["content"])
            return _value(done["content"])

        return call

    def check(self) -> None:
        """Raises what a call waits for, in the place of all that the program made of it."""
        waits = [stop for stop in self._stops if isinstance(stop, Interrupted)]
        if len(waits) == len(self._stops) and waits:
            raise joined(waits)
        if self._stops:
            raise next(stop for stop in self._stops if not isinstance(stop, Interrupted))


class _Inner(Runnable[Any, Any]):
    """One inner call: a graph of one node, so that it is on record by itself."""

    def __init__(self, name: str, members: Mapping[str, Tool], hooks: tuple[Hook, ...]) -> None:
        self.name = name
        self._members, self._hooks = members, hooks

    def graph(self) -> Graph:
        return Graph(
            self.name,
            channels={"arguments": LastValue(dict), "done": LastValue(dict)},
            nodes=[Node(name="act", run=self._act)],
            enter=lambda given: Update({"arguments": given}, goto=("act",)),
            leave=lambda state: state["done"],
        )

    async def _act(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        call = ToolCall("/".join(ctx.path[-3:]), self.name, state["arguments"])
        result = await act(self._members, self._hooks, call, ctx)
        return Update({"done": {"content": result.content, "failed": result.failed}})


def _monty() -> Any:
    try:
        import pydantic_monty  # noqa: PLC0415  # the extra weft[code]
    except ImportError:
        raise ToolFailed("code mode needs the extra weft[code]: pip install 'weft[code]'") from None
    return pydantic_monty


def _words(error: Exception) -> str:
    kind = type(error).__name__.removeprefix("Monty")
    return f"{kind}: {error}"


def _value(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content


def _identifier(name: str) -> str:
    python = re.sub(r"\W", "_", name)
    return f"{python}_" if keyword.iskeyword(python) or python[:1].isdigit() else python


_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict"}


def _signature(python: str, tool: Tool) -> str:
    """``async def find(*, city: str, most: int = 3)``, and what it is for."""
    required = tool.spec.parameters.get("required", ())
    told: list[str] = []
    properties: Json = tool.spec.parameters.get("properties", {})
    for name, schema in properties.items():
        kind = f"{_TYPES.get(schema.get('type'), 'Any')}" if "enum" not in schema else f"Literal{schema['enum']}"
        told.append(f"{name}: {kind}" + ("" if name in required else f" = {schema.get('default')!r}"))
    star = "*, " if told else ""
    words = " ".join(tool.spec.description.split())[:400]
    return f"async def {python}({star}{', '.join(told)})  # {words}"
