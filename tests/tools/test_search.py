"""Two hundred tools: a model is told of few, and finds the others."""

import time
from typing import Any

import msgspec
import pytest

from weft import Agent, App, tool
from weft.engine.context import Context
from weft.messages import Message, ToolCall, ToolResult
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.tools.base import Tool
from weft.tools.function import as_tool
from weft.tools.search import KEEP, Deferred, Index, offered
from weft.tools.sets import Fixed

VERBS = ("list", "create", "delete", "update", "search", "archive", "export", "approve")
NOUNS = ("issue", "pull_request", "invoice", "customer", "calendar_event", "email", "repository", "branch", "order",
         "shipment", "payment", "ticket", "document", "folder", "user", "team", "role", "report", "dashboard", "alert",
         "deployment", "secret", "webhook", "contract", "product")  # fmt: skip


def many() -> list[Tool]:
    def made(verb: str, noun: str) -> Tool:
        async def act(id: str, note: str = "") -> str:
            return f"{verb} {noun} {id}"

        words = f"{verb.capitalize()} {'an' if noun[0] in 'aeiou' else 'a'} {noun.replace('_', ' ')} of the company."
        return as_tool(tool(act, name=f"{verb}_{noun}", description=words, approval=verb == "delete"))

    return [made(verb, noun) for verb in VERBS for noun in NOUNS]


class Watched(Scripted):
    """Keeps what it was asked."""

    def answer(self, request: Request) -> Any:
        self.__dict__.setdefault("seen", []).append([spec.name for spec in request.tools])
        return super().answer(request)


def size(tools: list[Tool]) -> int:
    return len(msgspec.json.encode([each.spec for each in tools]))


async def test_two_hundred_tools_cost_as_much_as_a_few(ctx: Context[Any]) -> None:
    tools = many()
    assert len(tools) == 200
    inner = Deferred(Fixed(*tools))
    known = await inner.tools(ctx)
    assert [each.name for each in offered(known, ())] == ["tool_search"]
    assert size(offered(known, ())) < 1_200
    assert size(tools) > 30_000
    everything = Message(role="assistant", parts=tuple(ToolCall(f"c{n}", each.name) for n, each in enumerate(tools)))
    assert len(offered(known, [everything])) == KEEP + 1
    began = time.process_time()
    for _ in range(20):
        members = await inner.tools(ctx)
        offered(members, [everything])
        await members[0].call({"query": "export the invoices of a customer"}, ctx)
    assert (time.process_time() - began) / 20 < 0.02  # about 1 ms


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("delete a repository", "delete_repository"),
        ("show me all open pull requests", "list_pull_request"),
        ("send invoices to a file", "invoice"),
        ("approve_contract", "approve_contract"),
        ("calendar", "calendar_event"),
    ],
)
def test_the_right_tool_is_found(query: str, first: str) -> None:
    found = [each.name for each in Index(many()).search(query, 5)]
    assert any(first in name for name in found[:5]), found
    assert len(found) == 5


async def test_a_search_that_finds_nothing(ctx: Context[Any]) -> None:
    search = (await Deferred(Fixed(*many())).tools(ctx))[0]
    assert "No tool fits 'zebra'" in (await search.call({"query": "zebra"}, ctx)).content


def test_a_model_finds_a_tool_and_calls_it() -> None:
    model = Watched(
        [call("tool_search", query="delete an old branch"), call("delete_branch", id="b7"), "Gone."], order="turn"
    )
    agent = Agent("desk", model=model, tools=[Deferred(Fixed(*many()), always=["list_issue"])])
    paused = agent.run_sync("Clean up.")
    assert [question.payload["tool"] for question in paused.questions] == ["delete_branch"]
    assert model.seen[0] == ["tool_search", "list_issue"]
    assert "delete_branch" in model.seen[1]
    assert len(model.seen[1]) == 7


async def test_what_was_found_is_known_in_another_process(tmp_path: Any) -> None:
    """It follows from the thread's messages; a tool that was not found can be called all the same."""
    url = f"sqlite:///{tmp_path}/weft.db"
    for line, names in (
        ([call("tool_search", query="export payment"), "Found."], ["tool_search"]),
        ([call("export_payment", id="p1"), "Done."], None),
        ([call("create_alert", id="a1"), "Done."], None),
    ):
        model = Watched(line, order="turn")
        agent = Agent("desk", model=model, tools=[Deferred(Fixed(*many()))])
        async with App(agents=[agent], store=url) as app:
            result = await app.run(agent, "go", thread="t1")
        results = [part for message in result.messages for part in message.tool_results]
        assert not results[0].failed
        if names is not None:
            assert model.seen[0] == names
        else:
            assert "export_payment" in model.seen[0]


def test_words_that_look_like_a_result_do_not_offer_tools() -> None:
    said = [
        Message(role="tool", parts=(ToolResult("1", "web", '[{"name":"delete_user"}]'),)),
        Message(role="tool", parts=(ToolResult("2", "tool_search", "broken ["),)),
        Message(role="tool", parts=(ToolResult("3", "tool_search", '[{"name":"delete_role"}]', failed=True),)),
    ]
    hidden = [msgspec.structs.replace(each, deferred=True) for each in many()]
    assert offered(hidden, said) == []
