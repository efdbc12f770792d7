"""What a run looks like in a terminal."""

import io

from rich.console import Console

from weft import events
from weft.cli.console import Transcript, clean
from weft.events import Envelope, Event
from weft.messages import Message, Text, ToolResult


def _drawn(*happened: Event) -> str:
    page = io.StringIO()
    transcript = Transcript(Console(file=page, width=80, highlight=False))
    for number, event in enumerate(happened):
        transcript.show(Envelope(run_id="r", seq=number, at=0.0, path=(), event=event))
    return page.getvalue()


def _message(text: str, id: str = "m") -> events.MessageAdded:
    return events.MessageAdded(1, Message(role="assistant", parts=(Text(text),), id=id))


def test_words_come_as_they_are_said_and_only_once() -> None:
    assert _drawn(events.Delta("m", "Hel"), events.Delta("m", "lo."), _message("Hello.")) == "Hello.\n"


def test_words_that_nobody_streamed_are_shown_too() -> None:
    assert _drawn(_message("Hello.")) == "Hello.\n"


def test_a_tool_call_is_a_card() -> None:
    drawn = _drawn(
        events.ToolStarted("c", "clock", {"timezone": "Asia/Tokyo"}),
        events.ToolFinished("c", "clock", result=ToolResult("c", "clock", "noon")),
    )
    assert "─ clock ─" in drawn
    assert "Asia/Tokyo" in drawn
    assert "noon" in drawn


def test_long_results_are_cut() -> None:
    drawn = _drawn(events.ToolFinished("c", "read", result=ToolResult("c", "read", "x" * 5000)))
    assert drawn.count("x") == 600
    assert "(5000" in drawn


def test_failures_are_named() -> None:
    assert "failed (model): no answer" in _drawn(events.RunFailed("model", "no answer"))


def test_nothing_that_a_model_says_steers_the_terminal_or_the_markup() -> None:
    assert clean("a\x1b]0;title\x07b\x9bc\r") == "a]0;titlebc"
    assert _drawn(_message("\x1b[2J[bold]hi[/bold] [/]")) == "[2J[bold]hi[/bold] [/]\n"
