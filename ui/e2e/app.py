"""What the browser tests talk to: real agents on models that need no key, one for each thing the UI must show."""

import asyncio
from pathlib import Path

from weft import Agent, App, tool
from weft.errors import ModelError, ToolFailed
from weft.messages import Message, Reasoning, Text
from weft.models.demo import Demo
from weft.models.scripted import Scripted

ESSAY = (Path(__file__).parent / "essay.md").read_text("utf-8")


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


CITY = {
    "type": "object",
    "title": "City",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}

app = App(
    agents=[
        Agent(
            "assistant",
            description="Calculates, reports, and asks before it deletes.",
            model=Demo(),
            instructions="Keep answers short. Use the tools.",
            tools=[calculator, slow_report, stock_price, delete_files],
        ),
        Agent("quick", description="Answers at once.", model=Demo(delay=0)),
        Agent(
            "writer",
            description="Thinks, then writes a long text with code, a table and links.",
            model=Scripted(
                [
                    Message(
                        role="assistant",
                        parts=(Reasoning("First the *why*, then an example.\n\nA table may help."), Text(ESSAY)),
                    )
                ],
                by="word",
                order="repeat",
                delay=0.025,
            ),
        ),
        Agent("geographer", description="Answers in a fixed form.", model=Demo(), output=CITY),
        Agent(
            "broken",
            description="Its provider is down.",
            model=Scripted([ModelError("the provider is overloaded, try again later")] * 1000),
        ),
    ],
)
