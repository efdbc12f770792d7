"""A run that asks a person, and goes on in another process. Everything is in one SQLite file."""

import asyncio

from weft import Agent, App, tool
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope


@tool(effect="once", approval=True)
def refund(order: str, amount: float) -> str:
    """Give money back. A person is asked first."""
    return f"{amount:.2f} EUR for order {order}"


# The model says what this script says, so that the example is the same each time. Leave it out to ask a real one.
script = Scripted([call("refund", order="A-17", amount=20.0), "Your money is on its way."], order="turn")
agent = Agent("desk", model=script, instructions="You help customers.", tools=[refund])
STORE = "sqlite:///desk.db"


async def ask() -> tuple[str, str]:
    """Runs until the tool wants an approval; then this process may end. The ids of the run and of its question."""
    async with App(agents=[agent], store=STORE) as app:
        result = await app.run(agent, "Order A-17 came broken.", thread="customer-1")
        assert result.paused
        print("asks:", result.questions[0].payload)
        return result.run_id, result.questions[0].id


async def approve(run_id: str, question: str) -> None:
    """Another process, perhaps days later. The web UI, REST and `weft runs answer` do the same."""
    async with App(agents=[agent], store=STORE) as app:
        run = await app.resume(run_id, {question: {"decision": "approve"}})
        print("says:", run.output)
        for row, message in await app.messages(Scope(), "customer-1"):
            results = [result.content for result in message.tool_results]
            print(row.seq, message.role, message.text or results or "calls a tool")


asyncio.run(approve(*asyncio.run(ask())))
