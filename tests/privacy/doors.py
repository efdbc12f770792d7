"""What a person leaves behind, through every door: each word of it can be looked for in files afterwards."""

import asyncio
import operator
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import asyncpg

from tests.services import PostgresServer
from weft import END, START, Agent, App, Context, Memory, StateGraph, tool
from weft.memory.notes import note
from weft.models.kept import AnswerCache
from weft.models.scripted import Scripted, call
from weft.runtime.budgets import Budget
from weft.security.policy import Policy
from weft.storage.base import Scope
from weft.storage.item_rows import ItemRow
from weft.storage.trails import PointRow, Trail
from weft.tools.builtin.basics import ask_person
from weft.tools.builtin.workbench import Workbench
from weft.tools.rooms import folder_of

DOORS = (
    *("user", "said", "argument", "result", "answered", "title", "state", "appended", "failed", "asked", "reply"),
    *(
        "blob",
        "loose",
        "memory",
        "subject",
        "note",
        "feedback",
        "elsewhere",
        "chore",
        "cached",
        "file",
        "command",
        "trail",
        "document",
        "invited",
        "item",
    ),
)


def word(of: str, door: str) -> str:
    """What comes through a door: one word that is nowhere else."""
    return f"{of}qx{door}qx"


class Said(TypedDict, total=False):
    """The state of a graph."""

    text: str
    lines: Annotated[list[str], operator.add]


def app_of(of: str, folder: Path, store: str) -> App:
    """An app whose agents say and do what leaves traces of one person."""

    @tool(effect="read")
    async def look(what: str, ctx: Context[Any]) -> str:
        """Look."""
        await note(ctx, "finding", {"text": word(of, "note")})
        return word(of, "result")

    @tool(effect="read")
    async def fail() -> str:
        """Fail."""
        raise ValueError(word(of, "failed"))

    lines: list[Any] = [
        call("look", what=word(of, "argument")),
        [call("write_file", path="a.txt", content=word(of, "file")), call("fail")],
        word(of, "answered"),
        call("ask_person", question=word(of, "asked")),
        "thanks",
    ]
    bench = Workbench(folder / "files", parts=("files",))
    desk: Agent[Any] = Agent(
        "desk", model=Scripted(lines, order="repeat"), tools=[look, fail, bench, ask_person], memory=Memory()
    )
    cached: Agent[Any] = Agent(
        "cached", model=Scripted([word(of, "cached")], order="repeat"), cache=AnswerCache(keep="store")
    )

    def first(state: Said) -> Said:
        return {"text": word(of, "state"), "lines": [word(of, "appended")]}

    def second(state: Said) -> Said:
        return {"lines": ["more"]}

    graph = (
        StateGraph(Said, name="graph")
        .add_node(first)
        .add_node(second)
        .add_edge(START, "first")
        .add_edge("first", "second")
        .add_edge("second", END)
        .compile()
    )
    return App(agents=[desk, cached, graph], store=store, policy=Policy(defaults=False))


async def leave_traces(app: App, of: str, other_run: str | None = None) -> str:
    """Go through every door; the id of a run."""
    user, thread = word(of, "user"), f"{of}-thread"
    first = await app.run("desk", f"{word(of, 'title')} {word(of, 'said')}", thread=thread, user=user)
    scope = Scope(app.workspace, user)
    await app.run("desk", "go on", thread=thread, user=user)
    (question,) = await app.questions(user=user)
    await app.resume(question.run_id, {question.id: word(of, "reply")}, user=user)
    await app.run("cached", f"say it {of}", thread=f"{of}-cached", user=user)
    await app.run("graph", {"text": "go"}, thread=f"{of}-graph", user=user)
    await app.store.blobs.put(scope, word(of, "blob").encode(), "text/plain", thread=thread)
    await app.store.blobs.put(scope, word(of, "loose").encode(), "text/plain")
    await app.memories(user).add(f"Likes {word(of, 'memory')}", subject=word(of, "subject"), attribute="taste")
    await app.feedback(first.run_id, "correction", word(of, "feedback"), user=user, author=user)
    if other_run is not None:
        await app.feedback(other_run, "label", word(of, "elsewhere"), author=user)
    await app.set_budget(Budget(of="user", subject=user, per="day", usd=5.0))
    await app.store.chores.learn(first.run_id, "desk")
    taken = await app.store.chores.take(app.workspace, 60)
    assert taken is not None
    await app.store.chores.keep(taken, 60, body=word(of, "chore").encode())
    documents = app.knowledge("papers", user=user)
    await documents.add(text=f"About {word(of, 'document')}", name="a.md", readers=[word(of, "invited")])
    item = ItemRow(namespace=("a",), key="b", body=word(of, "item").encode(), created_at=1.0, updated_at=1.0)
    await app.store.items.put(scope, [item])
    body = ("text", word(of, "trail").encode())
    point = PointRow(thread=f"{of}-foreign", id="1", head=body, about=body, versions={"c": "1"}, values={"c": body})
    await app.store.trails.put(Trail(workspace=app.workspace, user=user, thread=f"{of}-foreign"), point)
    queued = await app.submit("desk", "later", scope=scope, thread=f"{of}-queued")
    await (await app.control(queued.id, by=user)).inject(word(of, "command"))
    return first.run_id


class Files:
    """What is in the files below these folders."""

    def __init__(self, *folders: Path, server: PostgresServer | None = None) -> None:
        self._folders, self._server = folders, server

    async def having(self, words: Iterable[str]) -> set[str]:
        """Those of the words that are in some file, after the database has written all of it."""
        folders = list(self._folders)
        if self._server is not None:
            connection: Any = await asyncpg.connect(self._server.url)
            await connection.execute("ANALYZE")
            await connection.execute("CHECKPOINT")
            await connection.close()
            folders.append(self._server.data / "base")
        found: set[str] = set()
        for one in words:
            grep = await asyncio.create_subprocess_exec("grep", "-raqF", one, *map(str, folders))
            found |= {one} if await grep.wait() == 0 else set()
        return found


def all_of(of: str, *without: str) -> set[str]:
    """Every word that a person left."""
    return {word(of, door) for door in DOORS if door not in without}


__all__ = ["DOORS", "Files", "all_of", "app_of", "folder_of", "leave_traces", "word"]
