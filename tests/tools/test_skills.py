"""Skills: found, listed in short, read when needed, run behind walls; judged as the reference judges them."""

import sys
from pathlib import Path
from typing import Any

import pytest
import skills_ref

from tests.tools.conftest import Recorded
from weft import Agent
from weft.agents.trying import tried
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.models.scripted import Scripted, call
from weft.tools import skills as module
from weft.tools.run import run_tool
from weft.tools.skills import Skills, find, load, validate

HEAD = "---\nname: {name}\ndescription: {description}\n{more}---\n{body}"


def skill(
    root: Path, name: str, description: str = "Does it.", *, more: str = "", body: str = "Do it.", at: str = ""
) -> Path:
    folder = root / (at or name)
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(HEAD.format(name=name, description=description, more=more, body=body))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that other users may enter, as sandboxes are other users."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path / "skills"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("good", HEAD.format(name="good", description="Does it.", more="", body="x")),
        ("good", HEAD.format(name="good", description="x", more="license: MIT\nmetadata:\n  version: 1.0\n", body="")),
        (
            "pdf-2",
            HEAD.format(name="pdf-2", description="x", more="compatibility: Python\nallowed-tools: Bash\n", body=""),
        ),
        ("größe", HEAD.format(name="größe", description="x", more="", body="")),
        ("12", HEAD.format(name="12", description="x", more="", body="")),
        ("Good", HEAD.format(name="Good", description="x", more="", body="")),
        ("good", HEAD.format(name="other", description="x", more="", body="")),
        ("a--b", HEAD.format(name="a--b", description="x", more="", body="")),
        ("-a", HEAD.format(name="-a", description="x", more="", body="")),
        ("a_b", HEAD.format(name="a_b", description="x", more="", body="")),
        ("a" * 65, HEAD.format(name="a" * 65, description="x", more="", body="")),
        ("good", HEAD.format(name="good", description="x" * 1025, more="", body="")),
        ("good", HEAD.format(name="good", description="", more="", body="")),
        ("good", HEAD.format(name="good", description="x", more="colour: red\n", body="")),
        ("good", HEAD.format(name="good", description="x", more=f"compatibility: {'x' * 501}\n", body="")),
        ("good", "---\ndescription: x\n---\n"),
        ("good", "---\nname: good\n---\n"),
        ("good", "no head"),
        ("good", "---\nname: good\n"),
        ("good", "---\n- a\n---\n"),
        ("good", "---\nname: [\n---\n"),
    ],
)
def test_judged_as_the_reference_does(at: str, text: str, tmp_path: Path) -> None:
    (tmp_path / at).mkdir()
    (tmp_path / at / "SKILL.md").write_text(text)
    reference = skills_ref.validate(tmp_path / at)
    assert bool(validate(tmp_path / at)) == bool(reference), (validate(tmp_path / at), reference)


def test_skills_are_found_and_versioned(tmp_path: Path) -> None:
    folder = skill(tmp_path, "pdf", "Reads\n  PDF files.", more="metadata:\n  author: ada\n")
    skill(tmp_path, "bad", at="wrong")
    (tmp_path / "nothing").mkdir()
    (one,), wrong = find(tmp_path)
    assert (one.name, one.description, one.metadata) == ("pdf", "Reads PDF files.", {"author": "ada"})
    assert list(wrong) == ["wrong"]
    assert "must be that of its folder, 'wrong'" in wrong["wrong"]
    (folder / "more.md").write_text("x")
    changed = load(folder).version
    assert changed != one.version
    (folder / "more.md").unlink()
    assert load(folder).version == one.version


async def test_an_agent_reads_a_skill_and_runs_its_script(
    root: Path, ctx: Context[Any], host: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = skill(root, "report", "Writes reports.", body="Run scripts/make.py with a title.")
    skill(root, "mail", "Writes letters.")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "make.py").write_text(
        "import sys, pathlib\npathlib.Path('out.md').write_text('# ' + sys.argv[1])\nprint('made')\n"
        "try: pathlib.Path(__file__).write_text('x')\nexcept OSError: print('read-only')\n"
    )
    (folder / "scripts" / "go.sh").write_text("cat out.md")
    (folder / "out").symlink_to("/etc/passwd")
    tools = Skills(root, root=root.parent / "files")
    model = Scripted([call("read_skill", name="report"), "ok"], order="turn")
    run = await Agent("clerk", model=model, tools=[tools]).run("go")
    (read,) = [part for message in run.messages for part in message.tool_results]
    version = load(folder).version
    assert read.content == (
        f"Skill report, version {version}\n\nRun scripts/make.py with a title.\n\n"
        "Its files: SKILL.md, scripts/go.sh, scripts/make.py"
    )
    known = {each.name: each for each in await tools.tools(ctx)}
    assert known["read_skill"].spec.description.endswith("- mail: Writes letters.\n- report: Writes reports.")
    given = {"name": "report", "script": "scripts/make.py", "arguments": ["A; rm -rf /"]}
    if sys.platform == "linux":
        done = await run_tool(known["run_skill_script"], given, ctx)
        assert done.content == "made\nread-only\n[file out.md: text/markdown, 13 bytes]"
        done = await run_tool(known["run_skill_script"], {"name": "report", "script": "scripts/go.sh"}, ctx)
        assert done.content == "# A; rm -rf /"
        assert {"name": "report", "version": version, "script": "scripts/go.sh"} in [each.data for each in host.events]
    for file in ("../mail/SKILL.md", "/etc/passwd", "out"):
        with pytest.raises(ToolFailed):
            await run_tool(known["read_skill"], {"name": "report", "file": file}, ctx)
    with pytest.raises(ToolRetry, match="has no file 'x'; it has SKILL.md, scripts"):  # noqa: RUF043
        await run_tool(known["read_skill"], {"name": "report", "file": "x"}, ctx)
    with pytest.raises(ToolRetry, match="there is no skill 'none'; there are: mail, report"):
        await run_tool(known["read_skill"], {"name": "none"}, ctx)
    monkeypatch.setattr(module, "FRESH", 0.0)
    skill(root, "late", "Came later.")
    assert "- late: Came later." in (await tools.tools(ctx))[0].spec.description


async def test_many_skills_are_listed_in_short(tmp_path: Path, ctx: Context[Any]) -> None:
    for n in range(100):
        skill(tmp_path, f"skill-{n}", "Words. " * 100)
    (read, _) = await Skills(tmp_path).tools(ctx)
    assert len(read.spec.description) < module.LISTED + 500
    assert "skill-99" in read.spec.description
    assert len(await Skills(tmp_path, only=["skill-1"], scripts=False).tools(ctx)) == 1
    assert await Skills(tmp_path / "none").tools(ctx) == ()
    assert (await tried(Skills(tmp_path), "read_skill", {"name": "skill-5"})).output.content.startswith("Skill skill-5")
