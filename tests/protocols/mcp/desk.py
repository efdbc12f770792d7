"""What ``weft mcp`` serves in tests."""

import asyncio
from typing import Any, TypedDict

from weft import END, START, Agent, StateGraph, interrupt, tool
from weft.engine.context import Context
from weft.models.scripted import Scripted, call
from weft.protocols.mcp import Reader, elicit, prompt, resource


@tool(effect="read")
def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


@tool(effect="once", approval=True)
def send(text: str) -> str:
    """Send it to somebody."""
    return f"sent {text}"


@tool(timeout=None)
async def wait_long(seconds: float) -> str:
    """Take long."""
    await asyncio.sleep(seconds)
    return "waited"


@tool
async def ask_size(ctx: Context[Any]) -> str:
    """Ask for a size."""
    wanted = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    reply = elicit(ctx, "Which size?", wanted)
    return f"{reply.action} {(reply.content or {}).get('size')}"


@prompt(complete={"who": ["Ada", "Adam", "Bob"]})
def greet(who: str) -> str:
    """Greet somebody."""
    return f"Say hello to {who}."


@resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"the note {name}"


@resource("mine://{name}")
def mine(name: str, whose: Reader) -> str:
    """A note of one's own."""
    return f"{name} of {whose.user} in {whose.workspace}"


class Trip(TypedDict, total=False):
    city: str
    nights: int
    plan: str


def plan(state: Trip) -> Trip:
    nights: int = interrupt(f"How many nights in {state['city']}?", schema=int)
    return {"nights": nights, "plan": f"{nights} nights in {state['city']}"}


trip = StateGraph(Trip, name="trip").add_node("plan", plan).add_edge(START, "plan").add_edge("plan", END).compile()
counter = Agent("counter", model=Scripted([call("double", n=21), "It is 42."], order="turn"), tools=[double])
sender = Agent("sender", model=Scripted([call("send", text="hi"), "Done."], order="turn"), tools=[send])
sleepy = Agent("sleepy", model=Scripted(["word"], order="turn", delay=60), description="Never comes to an end.")
