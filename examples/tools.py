"""Functions as tools: the signature is the schema, the docstring tells the model what for. Every event can be seen."""

import asyncio

from weft import Agent, tool
from weft.events import Delta, ToolFinished

STOCK = {"tea": 12, "coffee": 0}


@tool(effect="read")
def stock(drink: str) -> int:
    """How many packets of a drink are in stock.

    Args:
        drink: Such as "tea".
    """
    return STOCK[drink]


@tool(effect="read", timeout=5)
async def delivery(city: str) -> str:
    """When a delivery to a city arrives."""
    await asyncio.sleep(0.1)
    return f"on Friday in {city}"


agent = Agent("clerk", instructions="You sell hot drinks. Look things up.", tools=[stock, delivery])


async def main() -> None:
    async for envelope in agent.stream("Is 'tea' in stock?"):
        match envelope.event:
            case ToolFinished(name=name, result=result) if result is not None:
                print(f"[{name}: {result.content}]")
            case Delta(text=text, kind="text"):
                print(text, end="", flush=True)
            case _:
                pass
    print()


asyncio.run(main())
