"""What the browser tests talk to: real agents on models that need no key, one for each thing the UI must show."""

import asyncio
import json
import operator
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, Field

from weft import END, START, Agent, App, Knowledge, Limits, Memory, StateGraph, interrupt, tool
from weft.errors import ModelError, ToolFailed
from weft.messages import Message, Reasoning, Text, ToolCall
from weft.models.base import Request
from weft.models.demo import Demo
from weft.models.scripted import Scripted, call

THOUGHT = "First the *why*, then an example.\n\nA table may help."
ESSAY = (Path(__file__).parent / "essay.md").read_text("utf-8")

WRITTEN = Message(role="assistant", parts=(Reasoning(THOUGHT), Text(ESSAY)))


@tool(effect="read")
async def slow_report(topic: str) -> str:
    """Write a report on a topic. It takes a while.

    Args:
        topic: What it is about.
    """
    await asyncio.sleep(1.5)
    return f"Report on {topic}: all is well."


@tool(effect="read")
def stock_price(symbol: str) -> str:
    """The price of a stock. The exchange is always closed.

    Args:
        symbol: Such as ACME.
    """
    raise ToolFailed(f"the exchange is closed, there is no price of {symbol}")


@tool(effect="once", approval=True)
def delete_files(folder: str) -> str:
    """Delete all files of a folder. A person is asked first.

    Args:
        folder: Which one.
    """
    return f"deleted everything in {folder}"


@tool(effect="read")
def calculator(expression: str) -> str:
    """Add whole numbers exactly.

    Args:
        expression: Such as "17 + 4".
    """
    return str(sum(int(part) for part in expression.split("+")))


@tool(effect="once")
def send_parcel(address: str) -> str:
    """Send a parcel to an address. The line breaks after it was sent.

    Args:
        address: Where to.
    """
    raise ConnectionError(f"the line broke while the parcel to {address} was sent")


class Stay(BaseModel):
    """What a hotel wants to know."""

    nights: int = Field(ge=1, le=30, description="From one night to thirty.")
    room: Literal["single", "double"]
    wishes: str | None = Field(default=None, description="Whatever else they should know.")


class Trip(TypedDict, total=False):
    hotel: str
    stay: dict[str, object]
    insured: bool


def book(state: Trip) -> Trip:
    stay = interrupt({"question": f"How long will you stay at {state['hotel']}?", "hotel": state["hotel"]}, schema=Stay)
    return {"stay": stay.model_dump()}


def insure(state: Trip) -> Trip:
    return {"insured": interrupt("Shall the trip be insured?", schema=bool, expires=3600, default=False)}


trip = (
    StateGraph(Trip, name="trip")
    .add_node(book)
    .add_node(insure)
    .add_edge(START, "book")
    .add_edge(START, "insure")
    .compile()
)


class Order(TypedDict, total=False):
    items: Annotated[list[str], operator.add]
    price: int
    status: str


async def collect(state: Order) -> Order:
    await asyncio.sleep(0.6)
    return {"items": ["tea"]}


def quote(state: Order) -> Order:
    return {"price": 60 * len(state.get("items", ()))}


async def pack(state: Order) -> Order:
    await asyncio.sleep(0.6)
    return {"status": "packed"}


def ship(state: Order) -> Order:
    return {"status": f"shipped for {state['price']}"}


order = (
    StateGraph(Order, name="order")
    .add_sequence(collect, quote, pack, ship)
    .add_edge(START, "collect")
    .compile(version="1")
)


class Ticks(TypedDict, total=False):
    n: int


async def tick(state: Ticks) -> Ticks:
    await asyncio.sleep(0.25)
    return {"n": state["n"] + 1}


ticker = (
    StateGraph(Ticks, name="ticker")
    .add_node(tick)
    .add_edge(START, "tick")
    .add_conditional_edges("tick", lambda state: END if state["n"] >= 100 else "tick", ["tick", END])
    .compile()
)

CITY = {
    "type": "object",
    "title": "City",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}


@dataclass
class Guest:
    """What a restaurant keeps of a guest."""

    diet: Literal["all", "vegetarian", "vegan"] = "all"
    languages: list[str] | None = None
    table: str | None = None


def host(request: Request) -> str:
    """Answers from what came to its mind."""
    known = "\n".join(message.text for message in request.messages)
    return "Then a cake **without** nuts." if "allergic to nuts" in known else "I will keep that in mind."


def reader(request: Request) -> str:
    """Notes one fact of each turn, and makes an instruction of each correction that it is shown."""
    shown = request.messages[-1].text
    if corrections := re.findall(r"Remark (\d+) \(correction\): (.*)", shown):
        changes = [{"text": words, "remarks": [int(n)], "replaces": ""} for n, words in corrections]
        return json.dumps({"changes": changes})
    if "Remarks:" in shown:
        return json.dumps({"changes": []})
    if heard := re.search(r"(?m)^\D*(\d+)\b.*?I live in (\w+)", shown):
        home = {"text": f"The guest lives in {heard[2]}", "message": int(heard[1]), "subject": "guest"}
        return json.dumps({"facts": [home | {"attribute": "home"}], "summary": "Where the guest lives."})
    return json.dumps({"facts": [], "summary": ""})


def look_up(request: Request) -> ToolCall:
    """Looks up what it was asked."""
    return call("search_knowledge", query=request.messages[-1].text)


def cite(request: Request) -> str:
    """Cites the first passage that was found."""
    found = re.search(r"\[(\d+)\]", str(request.messages[-1].parts[0]))
    return f"The handbook says so [{found[1]}]. It does not say more [999999]." if found else "No document says so."


app = App(
    agents=[
        Agent(
            "librarian",
            description="Answers from the handbook, and says where it stands.",
            model=Scripted([look_up, cite], order="turn"),
            knowledge=[Knowledge("handbook")],
        ),
        Agent(
            "host",
            description="Keeps in mind what guests say, and learns from what is said of its answers.",
            model=Scripted([host], order="repeat"),
            memory=Memory(profile=Guest, extract=Scripted([reader], order="repeat")),
        ),
        Agent(
            "assistant",
            description="Calculates, reports, and asks before it deletes.",
            model=Demo(),
            instructions="Keep answers short. Use the tools.",
            tools=[calculator, slow_report, stock_price, delete_files],
        ),
        Agent(
            "courier",
            description="Sends parcels, and does not always know whether they were sent.",
            model=Demo(delay=0),
            tools=[send_parcel],
        ),
        Agent(
            "frugal",
            description="Takes one turn and no more, unless it is let.",
            model=Demo(delay=0),
            tools=[calculator],
            limits=Limits(turns=1),
        ),
        Agent(
            "scribe",
            description="Writes the same long text at once.",
            model=Scripted([WRITTEN], order="repeat"),
        ),
        Agent("quick", description="Answers at once.", model=Demo(delay=0)),
        Agent(
            "writer",
            description="Thinks, then writes a long text with code, a table and links.",
            model=Scripted([WRITTEN], by="word", order="repeat", delay=0.025),
        ),
        Agent("geographer", description="Answers in a fixed form.", model=Demo(), output=CITY),
        Agent(
            "broken",
            description="Its provider is down.",
            model=Scripted([ModelError("the provider is overloaded, try again later")] * 1000),
        ),
    ],
    targets=[trip, order, ticker],
)
