"""The demo model is useful, honest about what it is, and always the same."""

import json
from datetime import date
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, HttpUrl, TypeAdapter

from weft.messages import Message, Reasoning, Text, ToolCall, ToolResult, ToolSpec, user
from weft.models.base import Answer, OutputSchema, Piece, Request
from weft.models.demo import Demo
from weft.models.guess import Guess, matching


def spec(name: str, description: str, required: tuple[str, ...] = (), **properties: Any) -> ToolSpec:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name=name, description=description, parameters=parameters)


TEXT, WHOLE_NUMBER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
TOOLS = [
    spec("calculator", "Evaluate an arithmetic expression.", ("expression",), expression=TEXT),
    spec("get_weather", "The weather in a city.", ("city",), city=TEXT, unit={"enum": ["celsius", "fahrenheit"]}),
    spec("current_time", "Tell the time.", timezone={"type": "string", "default": "UTC"}),
    spec("book_hotel", "Book a hotel.", ("city", "nights"), city=TEXT, nights=WHOLE_NUMBER),
    spec("add", "Add two numbers.", ("a", "b"), a=NUMBER, b=NUMBER),
    spec("web_search", "Search the web.", ("query",), query=TEXT),
    spec("delete_account", "Deletes a user and everything of theirs."),
]


async def answer(*messages: Message | str, tools: list[ToolSpec] = TOOLS, output: OutputSchema | None = None) -> Answer:
    history = [user(each) if isinstance(each, str) else each for each in messages]
    said = [each async for each in Demo(delay=0).answer(Request(messages=history, tools=tools, output=output))]
    assert isinstance(said[-1], Answer)
    return said[-1]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("what is 12*7?", [("calculator", {"expression": "12*7"})]),
        ("What is 12 times 7?", [("calculator", {"expression": "12 * 7"})]),
        ("what is (3 + 4) * 2 - 1", [("calculator", {"expression": "(3 + 4) * 2 - 1"})]),
        ("what time is it", [("current_time", {"timezone": "UTC"})]),
        ("What time is it in Tokyo?", [("current_time", {"timezone": "Tokyo"})]),
        ("weather in Rome", [("get_weather", {"city": "Rome"})]),
        ("What's the weather in rome?", [("get_weather", {"city": "rome"})]),
        ("Will it rain in New York?", [("get_weather", {"city": "New York"})]),
        ("weather in Oslo in fahrenheit", [("get_weather", {"city": "Oslo", "unit": "fahrenheit"})]),
        ("Book a hotel in Paris for 3 nights", [("book_hotel", {"city": "Paris", "nights": 3})]),
        ("2 nights in Rome", [("book_hotel", {"city": "Rome", "nights": 2})]),
        ("add 3 and 4.5", [("add", {"a": 3, "b": 4.5})]),
        ("search for durable agents", [("web_search", {"query": "search for durable agents"})]),
        ("tell me a joke", []),
        ("hello", []),
        ("who are you?", []),
    ],
)
async def test_it_calls_what_the_words_ask_for(text: str, calls: list[tuple[str, Any]]) -> None:
    got = await answer(text)
    assert [(call.name, call.arguments) for call in got.message.tool_calls] == calls
    assert got.finish == ("tool_calls" if calls else "stop")
    if calls:
        assert isinstance(got.message.parts[0], Reasoning)


async def test_two_tools_at_once() -> None:
    got = await answer("weather in Rome and the time, please")
    assert {call.name for call in got.message.tool_calls} == {"get_weather", "current_time"}


async def test_it_reports_what_tools_say() -> None:
    asked = Message(role="assistant", parts=(ToolCall("a", "calculator", {"expression": "12*7"}),))
    result = Message(role="tool", parts=(ToolResult("a", "calculator", "84"),))
    got = await answer("what is 12*7?", asked, result)
    assert got.message.text == "[demo] calculator says: 84."
    failed = Message(role="tool", parts=(ToolResult("a", "calculator", "too big", failed=True),))
    assert (await answer("what is 12*7?", asked, failed)).message.text == "[demo] calculator failed: too big"
    told = Message(role="tool", parts=(ToolResult("a", "calculator", '{"sum": 84, "unit": "m"}'),))
    assert (await answer("what is 12*7?", asked, told)).message.text == "[demo] calculator says: sum 84, unit m."


async def test_it_remembers_what_is_in_the_context() -> None:
    assert (await answer("I am Ada", "What is my name?")).message.text == "[demo] Your name is Ada."
    assert (await answer("my dog is Rex", "What is my dog?")).message.text == "[demo] Your dog is Rex."
    assert (await answer("I am Ada", "call me Grace", "who am I?")).message.text == "[demo] You are Grace."
    assert "not told me" in (await answer("What is my name?")).message.text


async def test_it_says_what_it_is_and_how_to_get_a_real_one() -> None:
    text = (await answer("tell me a joke")).message.text
    assert text.startswith("[demo] ")
    for word in ("demo model", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", 'model="', "calculator"):
        assert word in text
    assert (await answer("hi", tools=[])).model == "demo"


async def test_it_streams_word_by_word_and_is_always_the_same() -> None:
    request = Request(messages=[user("hello")], tools=TOOLS)
    first, second = [[each async for each in Demo(delay=0).answer(request)] for _ in range(2)]
    assert len(first) > 30
    assert first[:-1] == second[:-1]
    assert all(isinstance(each, Piece) and len(each.text.split()) == 1 for each in first[:-1])


class Colour(Enum):
    red = "red"
    blue = "blue"


class Address(BaseModel):
    street: str = Field(min_length=3, max_length=40)
    zip: int = Field(ge=10000, le=99999)


class Person(BaseModel):
    name: str
    age: int = Field(gt=0, lt=150)
    colour: Colour
    address: Address
    tags: list[str] = Field(min_length=2)
    friends: "list[Person]" = []
    score: float | None = None
    kind: Literal["a", "b"] = "b"
    born: date | None = None


class Odd(BaseModel):
    even: int = Field(multiple_of=2, ge=3)
    small: float = Field(gt=0, lt=1)
    either: int | str
    pair: tuple[int, str]
    table: dict[str, int]
    page: HttpUrl
    when: date
    yes: bool


@pytest.mark.parametrize("text", ["Anna is 33 and lives in Oslo, likes blue", "", "-7 0.5 1000000", "a, b and c"])
@pytest.mark.parametrize("kind", [Person, Odd, Address, dict[str, Any], list[Person]])
async def test_what_it_fills_fits_the_schema(kind: Any, text: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    got = await answer(text, tools=[], output=OutputSchema(name="Out", schema=adapter.json_schema()))
    adapter.validate_json(got.message.text)


async def test_what_it_fills_comes_from_the_words_and_the_tools() -> None:
    schema = {
        "type": "object",
        "properties": {"name": TEXT, "age": WHOLE_NUMBER, "city": TEXT, "degrees": NUMBER},
        "required": ["name", "age", "city", "degrees"],
    }
    result = Message(role="tool", parts=(ToolResult("a", "get_weather", '{"degrees": 21.5}'),))
    got = await answer("Anna is 33 and lives in Oslo", result, output=OutputSchema(name="P", schema=schema))
    assert json.loads(got.message.text) == {"name": "Anna", "age": 33, "city": "Oslo", "degrees": 21.5}


def test_strange_schemas_are_survived() -> None:
    for schema in (
        {},
        {"$ref": "#"},
        {"anyOf": []},
        {"type": ["null", "string"]},
        {"$ref": "#/nowhere"},
        {"type": "array"},
    ):
        Guess("text").fill(schema)
    assert matching("anything", []) == []


async def test_text_parts_only() -> None:
    assert [type(part) for part in (await answer("hello")).message.parts] == [Text]
