"""kill -9 while a summary takes the place of messages: another process ends the turn, and no word is lost."""

import asyncio

import pytest

from tests.kill.compacting import LEASE, TURNS, agent, said
from tests.warm import KILL, python
from weft import App
from weft.runtime.conversation import load_context, load_message
from weft.storage.base import Page, Scope

ADA = Scope(user="ada")


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("when", ["summing", "after"])
async def test_compaction_survives(shared_url: str, when: str) -> None:
    child = await asyncio.create_subprocess_exec(
        *python("-m", "tests.kill.compacting", shared_url, when), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert await asyncio.wait_for(child.stdout.readline(), 60) == b"hanging\n"
    finally:
        child.send_signal(KILL)
        await child.wait()
    talker = agent()
    async with App(agents=[talker], store=shared_url, lease=LEASE) as app:
        (last, *_) = await app.store.runs.list(ADA, Page(), thread_id="long")
        assert last.status == "running"
        await app.start()
        ended = await app.wait(ADA, last.id)
        assert ended.status == "finished"
        rows = await app.store.threads.messages(ADA, "long", limit=100)
        turns = len(rows) // 2
        assert 2 < turns < TURNS
        heard = [load_message(row).text for row in rows]
        assert heard == [words for turn in range(turns) for words in (said(turn), "I see.")]
        opened = await app.store.threads.open("long", conversation="")
        seen = load_context(opened.context, opened.messages)
        assert seen.summary == "SUMMARY of all"
        assert seen.messages[-1].text == "I see."
        events = await app.events(ADA, last.id, limit=1000)
        assert [one.seq for one in events] == list(range(1, len(events) + 1))
        again = await app.run(talker, said(turns), thread="long", user="ada")
        assert again.output == "I see."
        assert (await app.search_thread("long", "matter 0", user="ada"))[0].seq == 1
