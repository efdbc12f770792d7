"""A function as a tool: its schema, its arguments, what it returns and how it fails."""

import asyncio
import contextvars
import dataclasses
import enum
import functools
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Generator
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

import weft.tools.schema as schema
from tests.tools.conftest import Recorded
from weft.engine.context import Context, Interrupted
from weft.errors import Cancelled, LimitExceeded, ToolFailed, ToolRetry, UsageError
from weft.events import Custom
from weft.messages import Media, Text
from weft.tools.base import Returned, Tool
from weft.tools.function import Function, as_tool, tool
from weft.tools.run import Broke


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclasses.dataclass
class Guest:
    name: str
    age: int = 30


class Stay(BaseModel):
    title: str = Field(description="What it is called")
    nights: int = Field(default=1, ge=1)


def takes(function: Callable[..., Any]) -> dict[str, Any]:
    """The tool's properties."""
    return as_tool(function).spec.parameters["properties"]


async def test_the_whole_of_a_schema() -> None:
    def book(ctx: Context[Any], hotel: str, nights: int = 1, note: str | None = None) -> str:
        """Book a hotel.

        Args:
            hotel: Its name.
        """
        return ""

    assert as_tool(book).spec.parameters == {
        "type": "object",
        "properties": {
            "hotel": {"type": "string", "description": "Its name."},
            "nights": {"type": "integer", "default": 1},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["hotel"],
        "additionalProperties": False,
    }
    assert (as_tool(book).name, as_tool(book).spec.description) == ("book", "Book a hotel.")


@pytest.mark.parametrize(
    ("hint", "shown", "given", "received"),
    [
        (int, {"type": "integer"}, "3", 3),
        (float, {"type": "number"}, 2, 2.0),
        (bool, {"type": "boolean"}, True, True),
        (list[int], {"type": "array", "items": {"type": "integer"}}, ["1", 2], [1, 2]),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}, [1], (1,)),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
        (date, {"type": "string", "format": "date"}, "2026-11-21", date(2026, 11, 21)),
        (Size, {"$ref": "#/$defs/Size"}, "large", Size.LARGE),
        (Guest, {"$ref": "#/$defs/Guest"}, {"name": "Ada"}, Guest("Ada")),
        (Stay, {"$ref": "#/$defs/Stay"}, {"title": "x"}, Stay(title="x")),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": 1}),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}, 1, 1),
        (
            Annotated[int, Field(ge=2, description="ours")],
            {"type": "integer", "minimum": 2, "description": "ours"},
            2,
            2,
        ),
        (Any, {}, {"a": [1]}, {"a": [1]}),
    ],
    ids=str,
)
async def test_types(hint: Any, shown: dict[str, Any], given: Any, received: Any, ctx: Context[Any]) -> None:
    seen: list[Any] = []

    async def look(value: Any) -> None:
        seen.append(value)

    look.__annotations__["value"] = hint
    made = as_tool(look)
    assert made.spec.parameters["properties"]["value"] == shown
    await made.call({"value": given}, ctx)
    assert seen == [received]
    assert type(seen[0]) is type(received)


async def test_users_own_fields_and_awkward_names(ctx: Context[Any]) -> None:
    def odd(
        schema: int, model_config: str = "m", _x: int = 1, q: int = Field(5, ge=1, description="mine")
    ) -> list[Any]:
        """Odd.

        Args:
            q: not this
        """
        return [schema, model_config, _x, q]

    assert takes(odd)["q"] == {"type": "integer", "default": 5, "minimum": 1, "description": "mine"}
    assert (await as_tool(odd).call({"schema": 2, "_x": 3}, ctx)).content == '[2,"m",3,5]'


async def test_strict_models_take_json(ctx: Context[Any]) -> None:
    class Strict(BaseModel, strict=True):
        day: date
        size: Size

    async def note(entry: Strict) -> str:
        return f"{entry.day:%d.%m.%Y} {entry.size.name}"

    assert (await as_tool(note).call({"entry": {"day": "2026-11-21", "size": "small"}}, ctx)).content == (
        "21.11.2026 SMALL"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["hotel: missing; wanted string (Its name.)", 'size: missing; wanted ["small","large"]']),
        ({"nights": "two"}, ['nights: given "two"; it should be a valid integer']),
        ({"size": "huge"}, ["size: given \"huge\"; it should be 'small' or 'large'"]),
        ({"guest": {"nam": "Ada"}}, ["guest.name: missing"]),
        ({"guests": [{"name": "Ada"}, {"name": 1}]}, ["guests.1.name: given 1; it should be a valid string"]),
        ({"colour": "red"}, ["colour: there is no such argument; there is hotel, size, nights, guest, guests"]),
        ({"guest": "Ada"}, ['guest: given "Ada"; it should be an object']),
    ],
    ids=str,
)
async def test_wrong_arguments_are_named(given: dict[str, Any], words: list[str], ctx: Context[Any]) -> None:
    def book(
        hotel: str, size: Size, nights: int = 1, guest: Guest | None = None, guests: list[Guest] | None = None
    ) -> str:
        """Book.

        Args:
            hotel: Its name.
        """
        return ""

    with pytest.raises(ToolRetry) as caught:
        await as_tool(book).call(given, ctx)
    for each in words:
        assert f"- {each}" in str(caught.value)
    assert "pydantic" not in str(caught.value)


async def test_many_and_long_problems_stay_short(ctx: Context[Any]) -> None:
    def add(numbers: list[int]) -> int:
        return sum(numbers)

    with pytest.raises(ToolRetry) as caught:
        await as_tool(add).call({"numbers": ["x" * 10_000] * 50}, ctx)
    assert "and 44 more" in str(caught.value)
    assert len(str(caught.value)) < 1500


class Desk:
    def __init__(self, city: str) -> None:
        self.city = city

    def find(self, hotel: str) -> str:
        """Find one."""
        return f"{hotel} in {self.city}"

    @tool(effect="read")
    async def look(self, hotel: str) -> str:
        """Look."""
        return f"{hotel} of {self.city}"

    @classmethod
    def make(cls, hotel: str) -> str:
        return f"{hotel} by {cls.__name__}"

    @staticmethod
    def plain(hotel: str) -> str:
        return f"{hotel} alone"

    def __call__(self, hotel: str) -> str:
        """Called."""
        return f"{hotel} from {self.city}"


def with_key(key: str, hotel: str) -> str:
    return f"{hotel} with {key}"


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def inner(*args: Any, **kwargs: Any) -> Any:
        return (await function(*args, **kwargs)) + "!"

    return inner


@wrapped
async def shout(hotel: str) -> str:
    return hotel.upper()


def named(value: object) -> str:
    """A test's name says nothing of where in memory its objects lie."""
    return value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)


@pytest.mark.parametrize(
    ("source", "name", "result"),
    [
        (Desk("Rome").find, "find", "Ritz in Rome"),
        (Desk("Rome").look, "look", "Ritz of Rome"),
        (Desk.make, "make", "Ritz by Desk"),
        (Desk.plain, "plain", "Ritz alone"),
        (Desk("Rome"), "Desk", "Ritz from Rome"),
        (functools.partial(with_key, "k"), "with_key", "Ritz with k"),
        (functools.partial(with_key, key="secret"), "with_key", "Ritz with secret"),
        (shout, "shout", "RITZ!"),
        (tool(lambda hotel: hotel * 2, name="twice"), "twice", "RitzRitz"),
        (tool(lambda hotel: asyncio.sleep(0, hotel), name="later"), "later", "Ritz"),
    ],
    ids=named,
)
async def test_whatever_can_be_called(source: Any, name: str, result: str, ctx: Context[Any]) -> None:
    made = as_tool(source)
    assert made.name == name
    assert list(made.spec.parameters["properties"]) == ["hotel"]
    assert (await made.call({"hotel": "Ritz"}, ctx)).content == result


async def test_two_objects_of_a_class_are_two_tools(ctx: Context[Any]) -> None:
    rome, oslo = as_tool(Desk("Rome").find), as_tool(Desk("Oslo").find)
    assert (await rome.call({"hotel": "Ritz"}, ctx)).content == "Ritz in Rome"
    assert (await oslo.call({"hotel": "Ritz"}, ctx)).content == "Ritz in Oslo"


def no_star(*hotels: str) -> None: ...
def no_stars(**hotels: str) -> None: ...
def unknown(hotel: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821 - that is the test
def formless(hotel: threading.Thread) -> None: ...


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (no_star, r"'no_star' cannot be a tool.*'\*hotels: str'"),
        (no_stars, r"'no_stars' cannot be a tool.*'\*\*hotels: str'"),
        (unknown, r"'unknown' cannot be a tool.*'Nowhere'.*'hotel'.*TYPE_CHECKING"),
        (formless, r"'formless' cannot be a tool.*Thread"),
        (lambda: 1, "'<lambda>' is no name for a tool"),
        (Desk, "Desk is a class"),
        (7, "not of 7"),
    ],
    ids=named,
)
def test_what_cannot_be_a_tool(source: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        as_tool(source)


def by_name(ctx, key: str) -> str:  # type: ignore[no-untyped-def]  # pyright: ignore  # untyped on purpose
    return f"{ctx.deps[key]} {ctx.idempotency_key}"  # pyright: ignore


def by_type(key: str, where: "Context[Any]") -> str:
    return f"{where.deps[key]} {where.idempotency_key}"


async def optional(key: str, where: Context[Any] | None = None) -> str:
    assert where is not None
    return f"{where.deps[key]} {where.idempotency_key}"


def by_position(ctx: Context[Any], key: str, /) -> str:
    return f"{ctx.deps[key]} {ctx.idempotency_key}"


@pytest.mark.parametrize("function", [by_name, by_type, optional, by_position])
async def test_the_context_is_given_and_hidden(function: Callable[..., Any], ctx: Context[Any]) -> None:
    assert list(takes(function)) == ["key"]
    assert (await as_tool(function).call({"key": "city"}, ctx)).content == "Rome run_1/desk/act#1"
    with pytest.raises(ToolRetry, match="no such argument"):
        await as_tool(function).call({"key": "city", "ctx": 1}, ctx)


def test_a_decorated_function_is_still_a_function() -> None:
    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert isinstance(add, Function)
    assert (add(2, 3), add.__name__, add.__doc__, add.name) == (5, "add", "Add.", "add")
    assert as_tool(add) is add.tool is as_tool(add.tool)


def test_options() -> None:
    @tool(name="book_it", description="Said here.", effect="once", approval=True, timeout=None)
    def book() -> None:
        """Said there."""

    made = as_tool(book)
    assert (made.name, made.spec.description, made.effect, made.approval, made.timeout) == (
        "book_it", "Said here.", "once", True, None,
    )  # fmt: skip
    plain = as_tool(tool(Desk("Rome").find, effect="read"))
    assert (plain.effect, plain.approval, plain.timeout) == ("read", False, 60.0)


PICTURE = Media(mime="image/png", data=b"\x89PNG", name="a.png")


@pytest.mark.parametrize(
    ("value", "content", "media"),
    [
        ("words", "words", ()),
        ("", "", ()),
        (None, "null", ()),
        (3, "3", ()),
        ({"a": [1, 2.5, True]}, '{"a":[1,2.5,true]}', ()),
        (Guest("Ada"), '{"name":"Ada","age":30}', ()),
        (Stay(title="x"), '{"title":"x","nights":1}', ()),
        ([Stay(title="x")], '[{"title":"x","nights":1}]', ()),
        ({"size": Size.LARGE, "on": date(2026, 11, 21)}, '{"size":"large","on":"2026-11-21"}', ()),
        (PICTURE, "[image/png: a.png]", (PICTURE,)),
        (["See:", PICTURE, {"a": 1}], 'See:\n[image/png: a.png]\n{"a":1}', (PICTURE,)),
        (Text("hi"), "hi", ()),
        (Returned(content="own", media=(PICTURE,)), "own", (PICTURE,)),
        ("half \ud83d", "half ?", ()),
    ],
    ids=repr,
)
async def test_results(value: Any, content: str, media: tuple[Media, ...], ctx: Context[Any]) -> None:
    async def give() -> Any:
        return value

    assert await as_tool(give).call({}, ctx) == Returned(content=content, media=media)


class Opaque: ...


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Opaque(), "test_function.Opaque, which has no JSON form"),
        ({"a": [Opaque()]}, "test_function.Opaque, which has no JSON form"),
        (b"\x89PNG", r"returned bytes: return Media"),
        (ENDLESS, "list that contains itself"),
    ],
    ids=["object", "within", "bytes", "circle"],
)
async def test_results_without_a_form(value: Any, words: str, ctx: Context[Any]) -> None:
    async def give() -> Any:
        return value

    with pytest.raises(ToolFailed, match=words):
        await as_tool(give).call({}, ctx)


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize(
    ("raised", "caught", "words"),
    [
        (TypeError("bad"), Broke, "TypeError: bad"),
        (KeyError("city"), Broke, "KeyError: 'city'"),
        (ValueError(), Broke, "ValueError"),
        (TimeoutError("slow"), Broke, "TimeoutError: slow"),
        (SystemExit(3), Broke, "SystemExit: 3"),
        (ExceptionGroup("g", [ValueError("a"), OSError("b")]), Broke, "ValueError: a; OSError: b"),
        (UsageError("wrong"), Broke, "UsageError: wrong"),
        (ToolRetry("say it so"), ToolRetry, "say it so"),
        (ToolFailed("no"), ToolFailed, "no"),
        (LimitExceeded("enough"), LimitExceeded, "enough"),
        (Cancelled("stop"), Cancelled, "stop"),
        (asyncio.CancelledError(), Broke, "CancelledError"),  # of something that it waited for: nobody cancels the call
        (Interrupted(()), Interrupted, ""),
    ],
    ids=repr,
)
async def test_failures(
    raised: BaseException, caught: type[BaseException], words: str, threaded: bool, ctx: Context[Any]
) -> None:
    async def fail() -> None:
        raise raised

    def fail_in_thread() -> None:
        raise raised

    with pytest.raises(caught) as error:
        await as_tool(fail_in_thread if threaded else fail).call({}, ctx)
    assert type(error.value) is caught
    assert str(error.value) == words


async def test_a_long_error_is_cut(ctx: Context[Any]) -> None:
    async def fail() -> None:
        raise ValueError("x" * 1_000_000)

    with pytest.raises(ToolFailed) as error:
        await as_tool(fail).call({}, ctx)
    assert len(str(error.value)) == 2000


USER: contextvars.ContextVar[str] = contextvars.ContextVar("user")


async def test_plain_functions_run_in_a_thread_with_the_callers_variables(ctx: Context[Any], host: Recorded) -> None:
    def where(ctx: Context[Any]) -> list[Any]:
        ctx.emit(Custom("here", 1))
        return [threading.get_ident(), USER.get(), ctx.ask("Sure?", key="sure")]

    host.given["desk/act#1/sure"] = "yes"
    USER.set("ada")
    content = (await as_tool(where).call({}, ctx)).content
    assert content.endswith('"ada","yes"]')
    assert str(threading.get_ident()) not in content
    assert host.events == [Custom("here", 1)]


async def test_a_question_in_a_thread_pauses(ctx: Context[Any]) -> None:
    def ask(ctx: Context[Any]) -> str:
        return ctx.ask("Sure?")

    with pytest.raises(Interrupted) as pause:
        await as_tool(ask).call({}, ctx)
    assert [question.id for question in pause.value.questions] == ["desk/act#1/ask#1"]


def counting(to: int) -> Generator[dict[str, int], None, str]:
    for done in range(1, to + 1):
        yield {"done": done}
    return "all"


def yielding(to: int) -> Generator[dict[str, int], None, None]:
    yield from ({"done": done} for done in range(1, to + 1))


async def streaming(to: int) -> AsyncIterator[dict[str, int]]:
    for done in range(1, to + 1):
        yield {"done": done}


@pytest.mark.parametrize(
    ("function", "content"), [(counting, "all"), (yielding, '{"done":2}'), (streaming, '{"done":2}')]
)
async def test_generators_report_progress(
    function: Callable[..., Any], content: str, ctx: Context[Any], host: Recorded
) -> None:
    made = as_tool(function)
    assert (await made.call({"to": 2}, ctx)).content == content
    assert host.events == [Custom("tool.progress", {"tool": made.name, "value": {"done": done}}) for done in (1, 2)]


async def test_a_function_is_inspected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inspected: list[str] = []
    real = schema.inspect.signature
    monkeypatch.setattr(schema.inspect, "signature", lambda f: inspected.append(f.__name__) or real(f))  # type: ignore[func-returns-value]  # pyright: ignore

    def once(a: int) -> int:
        return a

    first, second = as_tool(once), as_tool(tool(once, name="again"))
    assert inspected == ["once"]
    assert (first.name, second.name) == ("once", "again")
    assert first.spec.parameters is second.spec.parameters


def test_a_function_is_not_kept() -> None:
    def short_lived(a: int) -> int:
        return a

    as_tool(short_lived)
    gone = weakref.ref(short_lived)
    del short_lived
    gc.collect()
    assert gone() is None


def test_nothing_is_inspected_before_the_first_use() -> None:
    code = """
import sys
from weft.tools.function import as_tool, tool
from weft.tools.sets import Fixed

@tool(effect="read")
def add(a: int, b: int) -> int: ...

def plain(*wrong) -> int: ...

Fixed(add, plain)
print("pydantic" in sys.modules)
as_tool(add)
print("pydantic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_tool_is_itself() -> None:
    made: Tool = as_tool(counting)
    assert as_tool(made) is made


async def test_half_characters_in_a_result_do_not_lose_it(ctx: Context[Any]) -> None:
    @tool
    def listed() -> dict[str, list[str]]:
        return {"files\udce9": ["caf\udce9", "tea"]}

    assert (await listed.tool.call({}, ctx)).content == '{"files?":["caf?","tea"]}'
