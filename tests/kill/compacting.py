"""A process that talks in a long thread and is killed while it sums up: ``main(URL, WHEN)``."""

import asyncio
import sys
from typing import Any

from weft import Agent, App, ContextPolicy
from weft.models.base import Request
from weft.models.scripted import Scripted

TURNS = 6
LEASE = 6.0


def said(turn: int) -> str:
    """What the user says in a turn."""
    return f"matter {turn} is as follows"


def agent(*, hang: str = "") -> Agent[Any]:
    """Keeps four messages in view, and a summary of the others; hangs where it is told to."""

    def answer(request: Request) -> str:
        return "SUMMARY of all" if request.messages[-1].text.startswith("Summarise") else "I see."

    class Hanging(Scripted):
        def answer(self, request: Request) -> Any:
            summing = request.messages[-1].text.startswith("Summarise")
            if hang == "summing" if summing else hang == "after" and self._sums:
                return self._hung()
            return self._noted(request, summing)

        _sums = 0

        async def _hung(self) -> Any:
            print("hanging", flush=True)
            await asyncio.sleep(600)
            yield None

        def _noted(self, request: Request, summing: bool) -> Any:
            self._sums += summing
            return super().answer(request)

    model = Hanging([answer], order="repeat", name="m")
    return Agent("talker", model=model, context=ContextPolicy(max_messages=4, keep="summary"))


async def main(url: str, when: str) -> None:
    """Talks until it hangs: while the summary is made (``summing``), or in the call after it (``after``)."""
    talker = agent(hang=when)
    async with App(agents=[talker], store=url, lease=LEASE) as app:
        for turn in range(TURNS):
            await app.run(talker, said(turn), thread="long", user="ada")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
