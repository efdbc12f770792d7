"""A shell, Python and files in a folder behind walls."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.conftest import Recorded
from weft import Agent, App
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.models.scripted import Scripted, call
from weft.security.sandbox import Caps
from weft.tools.base import Tool, ToolSet
from weft.tools.builtin.files import Files
from weft.tools.builtin.workbench import Workbench
from weft.tools.run import run_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxes need Linux")


async def of(tools: ToolSet, ctx: Context[Any]) -> dict[str, Tool]:
    return {each.name: each for each in await tools.tools(ctx)}


async def said(tools: dict[str, Tool], name: str, ctx: Context[Any], **given: Any) -> str:
    return (await run_tool(tools[name], given, ctx)).content


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that other users may enter, as sandboxes are other users."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path / "files"


async def test_programs_and_files_share_a_folder(root: Path, ctx: Context[Any], host: Recorded) -> None:
    bench = Workbench(root)
    tools = await of(bench, ctx)
    assert list(tools) == ["shell", "python", "list_files", "read_file", "search_files", "write_file", "edit_file"]
    assert (
        await said(tools, "write_file", ctx, path="in/data.csv", content="a,b\n1,2\n") == "wrote 8 bytes to in/data.csv"
    )
    code = "import csv\nrows = list(csv.DictReader(open('in/data.csv')))\nprint(rows[0]['b'])\n"
    code += "open('out.txt','w').write('x')"
    assert await said(tools, "python", ctx, code=code) == "2\n[file out.txt: text/plain, 1 bytes]"
    assert await said(tools, "shell", ctx, command="echo $((6*7)) > n.txt; cat n.txt; pwd") == (
        f"42\n{'/work' if shutil.which('bwrap') else bench.folder('default', 't1')}\n[file n.txt: text/plain, 3 bytes]"
    )
    assert await said(tools, "edit_file", ctx, path="in/data.csv", old="1,2", new="3,4") == "edited in/data.csv"
    assert await said(tools, "edit_file", ctx, path="in/data.csv", old="1,2", new="3,4") == "in/data.csv has it already"
    assert await said(tools, "read_file", ctx, path="in/data.csv") == "    1 a,b\n    2 3,4"
    assert await said(tools, "read_file", ctx, path="in/data.csv", first=1, lines=1) == "    1 a,b\n[1 more lines]"
    assert await said(tools, "search_files", ctx, pattern=r"\d,4") == "in/data.csv:2: 3,4"
    assert (await said(tools, "list_files", ctx)).splitlines() == ["in/data.csv 8", "n.txt 3", "out.txt 1"]


async def test_what_goes_wrong_is_said(root: Path, ctx: Context[Any]) -> None:
    tools = await of(Workbench(root, caps=Caps(seconds=1)), ctx)
    with pytest.raises(ToolFailed, match=r"(?s)ZeroDivisionError.*\[exit code 1\]"):
        await said(tools, "python", ctx, code="1/0")
    with pytest.raises(ToolFailed, match=r"begun\n\[stopped: it used more than 1 s\]"):
        await said(tools, "shell", ctx, command="echo begun; sleep 30")
    with pytest.raises(ToolRetry, match="there is no file 'x'; list_files shows"):
        await said(tools, "read_file", ctx, path="x")
    await said(tools, "write_file", ctx, path="a.txt", content="aa")
    with pytest.raises(ToolRetry, match="the old piece is in a.txt 2 times"):  # noqa: RUF043
        await said(tools, "edit_file", ctx, path="a.txt", old="a", new="b")
    with pytest.raises(ToolRetry, match="is no regular expression"):
        await said(tools, "search_files", ctx, pattern="(")


async def test_nothing_leads_out(root: Path, ctx: Context[Any]) -> None:
    tools = await of(Workbench(root), ctx)
    await said(tools, "shell", ctx, command="ln -s /etc/passwd p; ln -s / up; ln -s /etc/hosts h")
    for path in ("p", "up/etc/passwd", "../x", "/etc/passwd", "up/../../etc/passwd"):
        with pytest.raises(ToolFailed):
            await said(tools, "read_file", ctx, path=path)
        if path != "p":
            with pytest.raises(ToolFailed):
                await said(tools, "write_file", ctx, path=path, content="x")
    await said(tools, "write_file", ctx, path="h", content="mine")
    assert await said(tools, "read_file", ctx, path="h") == "    1 mine"
    assert "mine" not in Path("/etc/hosts").read_text()
    net = "import socket\ntry: socket.create_connection(('127.0.0.1', 22), 1); print('open')\n"
    net += "except OSError: print('shut')"
    assert await said(tools, "python", ctx, code=net) == "shut"
    assert (tools["shell"].effect, (await of(Workbench(root, network=True), ctx))["shell"].effect) == (
        "idempotent",
        "once",
    )


async def test_calls_side_by_side(root: Path, ctx: Context[Any]) -> None:
    tools = await of(Workbench(root), ctx)
    await asyncio.gather(*(said(tools, "shell", ctx, command=f"echo {n} > f{n}") for n in range(5)))
    assert len((await said(tools, "list_files", ctx)).splitlines()) == 5


async def test_files_come_back_to_the_store(root: Path) -> None:
    png = "import zlib,struct\nd=lambda t,b: struct.pack('>I',len(b))+t+b+struct.pack('>I',zlib.crc32(t+b))\n" \
        "open('a.png','wb').write(b'\\x89PNG\\r\\n\\x1a\\n'+d(b'IHDR',struct.pack('>IIBBBBB',1,1,8,0,0,0,0))" \
        "+d(b'IDAT',zlib.compress(b'\\0\\0'))+d(b'IEND',b''))"  # fmt: skip
    agent = Agent("coder", model=Scripted([call("python", code=png), "drawn"], order="turn"), tools=[Workbench(root)])
    async with App(agents=[agent], store=f"sqlite:///{root.parent}/weft.db") as app:
        run = await app.run(agent, "draw", thread="../../t1")
        (event,) = [
            each.event.data for each in await app.events(app._scope("local"), run.run_id)
            if getattr(each.event, "name", "") == "tool.file"
        ]  # fmt: skip
        body, mime = await app.store.blobs.get(app._scope("local"), event["blob"])
    assert (body[:4], mime, event["name"]) == (b"\x89PNG", "image/png", "a.png")
    (result,) = [part for message in run.messages for part in message.tool_results]
    assert result.media[0].name == "a.png"
    assert [each.parent for each in root.iterdir() if each.name != ".threads"] == [root]


async def test_a_pattern_without_an_end_is_given_up(
    tmp_path: Path, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on meanwhile."""
    monkeypatch.setattr("weft.tools.builtin.files.SECONDS", 0.2)
    (tmp_path / "a.txt").write_text("a" * 1999 + "b")
    search = asyncio.create_task(said(await of(Files(tmp_path), ctx), "search_files", ctx, pattern="(a+)+$"))
    turns = 0
    while not search.done():
        await asyncio.sleep(0.01)
        turns += 1
    with pytest.raises(ToolRetry, match="something simpler"):
        await search
    assert turns > 5


async def test_a_folder_that_all_share(tmp_path: Path, ctx: Context[Any]) -> None:
    (tmp_path / "a.md").write_text("hello")
    (tmp_path / "b.bin").write_bytes(b"\0\1")
    assert list(await of(Files(tmp_path), ctx)) == ["list_files", "read_file", "search_files"]
    tools = await of(Files(tmp_path, write=True), ctx)
    await said(tools, "write_file", ctx, path="c/d.txt", content="x")
    assert (tmp_path / "c/d.txt").read_text() == "x"
    with pytest.raises(ToolFailed, match="is not text"):
        await said(tools, "read_file", ctx, path="b.bin")
    assert await said(tools, "search_files", ctx, pattern="hell") == "a.md:1: hello"
    with pytest.raises(UsageError, match="must be there"):
        Files(tmp_path / "none")
