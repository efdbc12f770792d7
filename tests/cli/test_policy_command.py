"""``weft policy`` and ``weft audit``: what a person sees of permission at a terminal."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App, Policy, Rule, tool
from weft.cli.loading import open_spec
from weft.cli.main import run
from weft.errors import UsageError
from weft.models.scripted import Scripted, call


@tool(effect="read")
def look(place: str) -> str:
    """Look."""
    return f"nothing in {place}"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with three judged calls on record."""
    url = f"sqlite:///{tmp_path}/weft.db"
    lines = [call("look", place="here"), call("look", place="there"), call("look", place="away"), "done"]
    policy = Policy((Rule("deny", tools="look", arguments={"place": "away"}, name="not there"),))

    async def fill() -> None:
        async with App(agents=[Agent("a", model=Scripted(lines), tools=[look])], store=url, policy=policy) as app:
            await app.run("a", "look")

    asyncio.run(fill())
    return url


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_audit_is_paged_and_filtered(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    uses = said(capsys, "audit", "--store", store)
    assert [(use["tool"], use["decision"], use["rule"]) for use in uses] == [
        ("look", "deny", "not there"),
        ("look", "allow", "otherwise"),
        ("look", "allow", "otherwise"),
    ]
    assert len(uses[1]["result"]) == 64
    page = said(capsys, "audit", "--store", store, "--limit", "2")
    rest = said(capsys, "audit", "--store", store, "--cursor", page[-1]["cursor"])
    assert [*page, *rest] == uses
    assert said(capsys, "audit", "--store", store, "--decision", "deny", "--since", "1h") == uses[:1]
    assert run(["audit", "--store", store, "--limit", "2"]) == 0
    assert "More: weft audit --cursor" in capsys.readouterr().out


def test_a_policy_is_checked_set_and_shown(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("rules: [{decision: ask, tools: look, arguments: {place: 'a*'}}]")
    assert said(capsys, "policy", "show", "--store", store)["policy"] is None
    assert said(capsys, "policy", "check", str(file))["rules"][0]["tools"] == ["look"]
    assert said(capsys, "policy", "set", str(file), "--store", store)["version"] == 1
    assert said(capsys, "policy", "set", str(file), "--store", store)["version"] == 2
    assert said(capsys, "policy", "show", "--store", store)["policy"]["rules"][0]["decision"] == "ask"
    assert run(["policy", "show", "--store", store]) == 0
    assert "place a*" in capsys.readouterr().out
    file.write_text("rules: [{decision: perhaps}]")
    assert run(["policy", "check", str(file)]) == 2


def test_the_audit_is_verified_and_erased(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof = said(capsys, "audit", "verify", "--store", store)
    assert (proof["ok"], proof["rows"], proof["faults"]) == (True, 3, [])
    assert proof["head"].startswith("3:")
    assert said(capsys, "audit", "verify", "--store", store, "--known", proof["head"])["ok"]
    assert said(capsys, "audit", "erase", "--store", store, "--before", "1h") == {"erased": 0}
    with sqlite3.connect(tmp_path / "weft.db") as connection:
        connection.execute("UPDATE audit SET decision = 'allow' WHERE decision = 'deny'")
    connection.close()
    assert run(["audit", "verify", "--store", store]) == 1
    words = capsys.readouterr().out
    assert "link 3: a row was changed" in words
    assert "2 rows are as they were written" in words
    assert run(["audit", "verify", "--store", store, "--known", "x"]) == 2


def test_a_call_is_tried_against_a_policy(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("policy", "try", "pay", "--arg", "amount=2000", "--source", "inbox", "--store", store)
    found = said(capsys, *words)
    assert (found["verdict"]["decision"], found["verdict"]["rule"]) == ("ask", "default: untrusted influence")
    file = tmp_path / "policy.yaml"
    file.write_text("rules: [{decision: deny, tools: pay, arguments: {amount: '> 1000'}, reason: too much}]")
    assert said(capsys, *words, "--file", str(file))["verdict"]["reason"] == "too much"
    assert run([*words, "--file", str(file)]) == 0
    assert "deny, by deny pay: too much" in capsys.readouterr().out


def test_the_policy_of_the_command_line_is_that_of_the_settings(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.py").write_text("from weft import Agent\nagent = Agent('a')\n")

    def held() -> Policy | None:
        async def read() -> Policy | None:
            async with open_spec("desk.py", store="sqlite://").app as app:
                kept = await app.policy()
                return None if kept is None else kept.policy

        return asyncio.run(read())

    def found() -> tuple[str, str]:
        run(["doctor", "--store", store, "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        (one,) = [each for each in findings if each["name"] == "Policy"]
        return one["state"], one["detail"]

    assert held() == Policy()
    assert found() == ("ok", "default: what has a side effect is asked about where others' content may be behind it")
    monkeypatch.setenv("WEFT_POLICY", "none")
    assert held() is None
    assert found()[0] == "note"
    (tmp_path / "strict.yaml").write_text("otherwise: deny")
    monkeypatch.setenv("WEFT_POLICY", "strict.yaml")
    assert held() == Policy(otherwise="deny")
    assert found() == ("ok", "the program's own: 0 rules")
    assert run(["policy", "set", "strict.yaml", "--store", store]) == 0
    capsys.readouterr()
    assert found() == ("ok", "version 1 on record: 0 rules")
    monkeypatch.setenv("WEFT_POLICY", "missing.yaml")
    with pytest.raises(UsageError, match=r"missing\.yaml"):
        held()


def test_another_model_leaves_the_policy_of_an_app(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from weft import Agent, App, Policy\napp = App(agents=[Agent('a')], store='sqlite://', "
        "policy=Policy(otherwise='deny'))\n"
    )

    async def held() -> str:
        async with open_spec(str(tmp_path / "mine.py"), model="demo").app as app:
            kept = await app.policy()
            assert kept is not None
            return kept.policy.otherwise

    assert asyncio.run(held()) == "deny"
