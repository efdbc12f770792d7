"""Recorded traffic of real providers, walked from end to end.

The provider's bytes come over a socket, through LiteLLM, into an agent that calls its tools; the whole conversation
is then seen by commands, over REST and in a browser: one store, and nothing lost between them.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.models.recorded import ROOT, Interaction, interactions
from tests.server.serving import watched
from tests.walks.browser import CHROMIUM, UI, browser
from tests.walks.desk import Desk, provider

pytestmark = [
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"no recorded traffic at {ROOT} (WEFT_RECORDED)"),
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("warm"),
]
AGENTS = str(Path(__file__).parent / "agents.py")
CAPITAL = "What is the capital of the UK? Use the tool, then answer."
STREET = "How do I cross the street?"
RIVER = "Considering the way to cross the street, analogously, how do I cross the river?"


def recorded(name: str) -> list[Interaction]:
    return [each for each in interactions() if each.file == name]


def kinds(message: Any) -> list[str]:
    return [part["type"] for part in message["parts"]]


def test_openai_streams_calls_a_tool_and_is_seen_everywhere(tmp_path: Path) -> None:
    call, last = recorded("openai/test_run_stream_sync_streams_real_model")
    assert call.streamed
    assert last.streamed
    with provider(call.reply, last.reply) as openai:
        desk = Desk(tmp_path, PROVIDER_URL=openai.url)
        shown = desk.weft("run", f"{AGENTS}:geographer", CAPITAL, "--thread", "uk")
        assert "get_capital" in shown
        assert "The capital of the UK is London." in shown
        assert len(openai.asked) == 2
        assert openai.asked[0]["stream"] is True
        assert [tool["function"]["name"] for tool in openai.asked[0]["tools"]] == ["get_capital"]
        assert said_to_openai(openai.asked[1]) == said_to_openai(last.body)

        # By commands
        text = desk.weft("threads", "show", "uk")
        for words in (CAPITAL, "→ get_capital(country='UK')", "← get_capital: London", last.expected.text):
            assert words in text
        [run] = desk.told("runs", "list", "--thread", "uk")
        assert run["status"] == "finished"
        by_command = desk.told("threads", "show", "uk")["messages"]
        assert [row["message"]["role"] for row in by_command] == ["user", "assistant", "tool", "assistant"]
        [(name, arguments, id)] = call.expected.calls
        asked = by_command[1]["message"]["parts"][-1]
        assert (asked["name"], asked["arguments"], asked["id"]) == (name, arguments, id)

        # Over REST, by a server on the same file
        with desk.serving(AGENTS) as api:
            over_rest = api.get("threads/uk/messages").raise_for_status().json()["items"]
            assert [{"seq": row["seq"], "message": row["message"]} for row in over_rest] == by_command
            record = api.get(f"runs/{run['id']}").raise_for_status().json()
            assert (record["status"], record["output"]) == ("finished", last.expected.text)
            counted = (call.expected.input_tokens or 0) + (last.expected.input_tokens or 0)
            assert record["usage"]["input_tokens"] == counted
            events = watched(api, run["id"])
            durable = [event for event in events if event.id is not None]
            assert [int(event.id or 0) for event in durable] == list(range(1, record["seq"] + 1))
            assert durable[-1].event == "run.finished"
            assert {"tool.finished", "model.finished", "message.added"} <= {event.event for event in durable}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
@pytest.mark.skipif(not UI.exists(), reason="the web UI is not built: make ui")
def test_a_browser_shows_the_whole_conversation_and_goes_on(tmp_path: Path) -> None:
    """A thread that a command began is read in a browser; then a person asks there, and sees it answered."""
    call, last = recorded("openai/test_run_stream_sync_streams_real_model")
    with provider(call.reply, last.reply, call.reply, last.reply) as openai:
        desk = Desk(tmp_path, PROVIDER_URL=openai.url)
        desk.weft("run", f"{AGENTS}:geographer", CAPITAL, "--thread", "uk")
        with desk.serving(AGENTS) as api:
            asyncio.run(_in_a_browser(str(api.base_url).removesuffix("api/v1/"), tmp_path))
            rows = api.get("threads/uk/messages").raise_for_status().json()["items"]
        assert [row["message"]["role"] for row in rows] == ["user", "assistant", "tool", "assistant"] * 2
        assert len(openai.asked) == 4


async def _in_a_browser(url: str, folder: Path) -> None:
    pictures = Path(os.environ.get("WEFT_PICTURES", folder))  # to look at them, name a folder
    answers = "document.querySelectorAll('[data-role=assistant]')"
    called = "document.querySelectorAll('[data-tool=get_capital][data-state=done]')"
    async with browser(f"{url}chat/uk") as page:
        await page.until(f"[...{answers}].some(e => e.innerText.includes('The capital of the UK is London.'))")
        assert CAPITAL in await page.look("document.querySelector('[data-role=user]').innerText")
        assert await page.look(f"{called}.length") == 1
        await page.look(f"{called}[0].querySelector('button').click()")
        shown = await page.until(f"/London/.test({called}[0].innerText) && {called}[0].innerText")
        assert "UK" in shown
        await page.picture(pictures / "read.png")
        await page.look("document.querySelector('[data-composer]').focus()")
        await page.type("And again, please?")
        await page.until(f"{called}.length == 2")
        await page.until(
            f"[...{answers}].filter(e => e.innerText.includes('The capital of the UK is London.')).length == 2"
        )
        await page.until("document.querySelectorAll('[data-partial]').length == 0")
        await page.picture(pictures / "asked.png")
        assert page.complaints == []


def said_to_openai(body: Any) -> list[Any]:
    """The messages of a request, without what a provider reads the same with and without it."""
    return [
        {
            name: [{**call, "function": _call(call["function"])} for call in value] if name == "tool_calls" else value
            for name, value in message.items()
            if value and name != "name"
        }
        for message in body["messages"]
    ]


def _call(function: Any) -> Any:
    return {"name": function["name"], "arguments": json.loads(function["arguments"])}


def test_a_live_run_over_rest_streams_the_words_of_the_provider(tmp_path: Path) -> None:
    call, last = recorded("openai/test_run_stream_sync_streams_real_model")
    with provider(call.reply, last.reply) as openai, Desk(tmp_path, PROVIDER_URL=openai.url).serving(AGENTS) as api:
        run = api.post("runs", json={"target": "geographer", "input": CAPITAL}).raise_for_status().json()
        events = watched(api, run["id"])
        assert events[-1].event == "run.finished"
        deltas = [event.data["event"] for event in events if event.event == "delta"]
        words = [delta["text"] for delta in deltas if delta.get("kind", "text") == "text"]
        assert "".join(words) == last.expected.text
        assert len(words) > 2, "word by word, as they came"


def test_anthropic_calls_two_tools_one_after_the_other(tmp_path: Path) -> None:
    conversation = recorded("anthropic/test_anthropic_mixed_strict_tool_run")
    with provider(*[each.reply for each in conversation]) as anthropic:
        desk = Desk(tmp_path, PROVIDER_URL=anthropic.url)
        words = conversation[0].body["messages"][0]["content"][0]["text"]
        report = desk.told("run", f"{AGENTS}:clerk", words, "--thread", "japan")
        assert report["output"] == "Capital: Tokyo"
        assert report["usage"]["requests"] == 3
        assert len(anthropic.asked) == 3
        for asked, each in zip(anthropic.asked, conversation, strict=True):
            assert said_to_anthropic(asked) == said_to_anthropic(each.body)
        with desk.serving(AGENTS) as api:
            rows = api.get("threads/japan/messages").raise_for_status().json()["items"]
    assert [row["message"]["role"] for row in rows] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert rows[2]["message"]["parts"][0]["content"] == "Japan"
    assert rows[4]["message"]["parts"][0]["content"] == "Tokyo"


def test_a_signed_thought_goes_through_the_store_and_back_to_anthropic(tmp_path: Path) -> None:
    """The first turn by a command, the second by a server: only the file is between them."""
    first, second = recorded("anthropic/test_anthropic_model_thinking_part")
    with provider(first.reply, second.reply) as anthropic:
        desk = Desk(tmp_path, PROVIDER_URL=anthropic.url)
        desk.told("run", f"{AGENTS}:thinker", STREET, "--thread", "cross")
        with desk.serving(AGENTS) as api:
            asked = {"target": "thinker", "input": RIVER, "thread_id": "cross"}
            run = api.post("runs", params={"wait": 30}, json=asked).raise_for_status().json()
            assert (run["status"], run["output"]) == ("finished", second.expected.text)
            rows = api.get("threads/cross/messages").raise_for_status().json()["items"]
        [signature] = first.expected.signatures
        assert thoughts(anthropic.asked[1]) == [(first.expected.thought, signature)]
        assert said_to_anthropic(anthropic.asked[1]) == said_to_anthropic(second.body)
        assert anthropic.asked[1]["thinking"] == second.body["thinking"]
    assert [kinds(row["message"]) for row in rows] == [["text"], ["reasoning", "text"]] * 2
    [run_of_command, _] = sorted(desk.told("runs", "list", "--thread", "cross"), key=lambda run: run["id"])
    events = desk.told("runs", "show", run_of_command["id"])["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_a_streamed_signed_thought_goes_back_too(tmp_path: Path) -> None:
    [first] = recorded("anthropic/test_anthropic_model_thinking_part_stream")
    assert first.streamed
    with provider(first.reply) as anthropic:
        desk = Desk(tmp_path, PROVIDER_URL=anthropic.url)
        target = f"{AGENTS}:streaming_thinker"
        assert desk.told("run", target, STREET, "--thread", "cross")["output"] == first.expected.text
        desk.told("run", target, RIVER, "--thread", "cross")
        [signature] = first.expected.signatures
        assert thoughts(anthropic.asked[1]) == [(first.expected.thought, signature)]


def thoughts(body: Any) -> list[tuple[str, str]]:
    blocks = [block for message in body["messages"] for block in _blocks(message["content"])]
    return [(block["thinking"], block["signature"]) for block in blocks if block["type"] == "thinking"]


def said_to_anthropic(body: Any) -> list[Any]:
    """Role and blocks of each message of a request, without what Anthropic reads the same with and without it."""
    return [(message["role"], [_lean(block) for block in _blocks(message["content"])]) for message in body["messages"]]


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _lean(block: Any) -> Any:
    if block["type"] == "tool_result":
        block = {**block, "content": "".join([each["text"] for each in _blocks(block["content"])])}
    return {name: value for name, value in block.items() if name not in ("is_error", "cache_control")}
