"""A process that writes to a service, to be killed: ``python -m tests.kill.writing STORE SERVICE URL``."""

import asyncio
import sys
from typing import Any

from weft import Agent, App
from weft.models.scripted import Scripted, call
from weft.tools.builtin.github import GitHub
from weft.tools.builtin.slack import Slack

LEASE = 1.0
WRITES: dict[str, Any] = {
    "slack": call("slack_post", channel="C012AB3CD", text="It is done."),
    "github": call("github_create_issue", repository="octo/world", title="New", body="It breaks."),
}


def agent(service: str, url: str) -> Agent[Any]:
    """Writes once, and says so."""
    tools = Slack(base_url=f"{url}/api", write=True) if service == "slack" else GitHub(base_url=url, write=True)
    return Agent("desk", model=Scripted([WRITES[service], "Done."], order="turn"), tools=[tools])


async def main(store: str, service: str, url: str) -> None:
    async with App(agents=[agent(service, url)], store=store, lease=LEASE) as app:
        await app.run("desk", "Tell them", thread="t1")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
