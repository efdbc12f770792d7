"""The ``weft`` command as a person types it, in a process of its own."""

import contextlib
import io
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.warm import python

from weft.cli.main import run
from weft.models.choose import at_hand

DESK = """
from weft import Agent, tool
from weft.models.scripted import Scripted, call

@tool(effect="read")
def double(n: int) -> int:
    "Twice a number."
    return 2 * n

@tool(effect="once", approval=True)
def send(text: str) -> str:
    "Send it."
    return f"sent {text}"

echo = Agent("echo", model=Scripted(["Hello there."], by="word", order="turn"))
counter = Agent("counter", model=Scripted([call("double", n=21), "It is 42."], order="turn"), tools=[double])
sender = Agent("sender", model=Scripted([call("send", text="hi"), "All sent."], order="turn"), tools=[send])
broken = Agent("broken", model=Scripted([ValueError("no luck")], order="turn"))
slow = Agent("slow", model=Scripted(["a b c d e f g h"], by="word", order="turn", delay=1))
"""

Weft = Callable[..., subprocess.CompletedProcess[str]]
_KEY = re.compile(r"_(API_KEY|TOKEN|SECRET)$|^WEFT_")
pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk.py").write_text(DESK)
    return tmp_path


def environment() -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not _KEY.search(name)}
    return {**known, "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}


def weft(folder: Path, *arguments: str, input: str = "", fresh: bool = False) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: one from the hearth, or of a fresh interpreter."""
    return subprocess.run(
        [*([sys.executable] if fresh else python()), "-m", "weft", *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, input=input, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in this process: every import of a command costs a second, and there are many tests."""
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "COLUMNS", "TERM"):
        monkeypatch.setenv(name, environment()[name])

    def run_here(folder: Path, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "stdin", io.StringIO(input))
        monkeypatch.setattr(sys, "path", [*sys.path])
        at_hand.cache_clear()
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = run(arguments)
        return subprocess.CompletedProcess(list(arguments), code, stdout.getvalue(), stderr.getvalue())

    return run_here


def told(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    """What a command printed as JSON."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_version_and_help(tmp_path: Path) -> None:
    assert re.fullmatch(r"weft \d+\.\d+\.\d+\n", weft(tmp_path, "--version", fresh=True).stdout)
    help = weft(tmp_path, "--help").stdout
    for command in ("run", "chat", "serve", "dev", "new", "doctor", "threads", "runs", "router", "db"):
        assert re.search(rf"^\W*{command}\b", help, re.M), command


def test_a_run_shows_words_and_tools(desk: Path) -> None:
    done = weft(desk, "run", "desk.py:counter", "double 21", fresh=True)
    assert done.returncode == 0, done.stderr
    assert "double" in done.stdout
    assert "It is 42." in done.stdout
    assert "finished" in done.stderr


def test_a_run_as_json_on_a_thread_that_goes_on(desk: Path, here: Weft) -> None:
    first = told(here(desk, "run", "desk.py:echo", "one", "--json", "--thread", "t1"))
    assert (first["status"], first["output"], first["thread_id"]) == ("finished", "Hello there.", "t1")
    told(here(desk, "run", "desk.py:echo", "-", "--json", "--thread", "t1", input="two\n"))
    shown = told(here(desk, "threads", "show", "t1", "--json"))
    assert [row["message"]["role"] for row in shown["messages"]] == ["user", "assistant"] * 2
    assert [thread["id"] for thread in told(here(desk, "threads", "list", "--json"))] == ["t1"]
    runs = told(here(desk, "runs", "list", "--json", "--thread", "t1"))
    assert [run["status"] for run in runs] == ["finished"] * 2
    events = told(here(desk, "runs", "show", runs[0]["id"], "--json"))["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert "Hello there." in here(desk, "runs", "show", runs[0]["id"]).stdout
    assert "two" in here(desk, "threads", "show", "t1").stdout
    assert told(here(desk, "threads", "delete", "t1", "--yes", "--json")) == {"deleted": "t1"}
    assert here(desk, "threads", "show", "t1").returncode == 3


def test_another_store(desk: Path, here: Weft) -> None:
    told(here(desk, "run", "desk.py:echo", "x", "--json", "--store", "sqlite:///other.db"))
    assert (desk / "other.db").exists()
    assert not (desk / "weft.db").exists()
    assert len(told(here(desk, "threads", "list", "--json", "--store", "sqlite:///other.db"))) == 1


def test_a_paused_run_waits_for_an_answer(desk: Path, here: Weft) -> None:
    run = told(here(desk, "run", "desk.py:sender", "go", "--json"), 4)
    assert run["status"] == "paused"
    assert run["questions"][0]["payload"]["tool"] == "send"
    done = here(desk, "runs", "answer", run["run_id"], "yes", "--here", "desk.py")
    assert done.returncode == 0, done.stderr
    assert "All sent." in done.stdout
    assert told(here(desk, "runs", "show", run["run_id"], "--json"))["status"] == "finished"
    assert here(desk, "runs", "answer", run["run_id"], "yes").returncode == 3


def test_questions_of_all_runs_are_listed_and_answered(desk: Path, here: Weft) -> None:
    assert "Nobody asks" in here(desk, "questions", "list").stdout
    run = told(here(desk, "run", "desk.py:sender", "go", "--json"), 4)
    (question,) = told(here(desk, "questions", "list", "--json"))
    assert (question["run_id"], question["kind"], question["payload"]["tool"]) == (run["run_id"], "approval", "send")
    assert "May send be called" in here(desk, "questions", "list").stdout
    wrong = here(desk, "questions", "answer", run["run_id"], '{"decision": "perhaps"}', "--json")
    assert (wrong.returncode, told(wrong, 2)["error"]["code"]) == (2, "answer.invalid")
    done = told(here(desk, "questions", "answer", run["run_id"], "yes", "--question", question["id"], "--json"))
    assert done == {"run_id": run["run_id"], "status": "queued"}
    assert here(desk, "questions", "answer", run["run_id"], "yes").returncode == 3
    assert here(desk, "questions", "list", "--status", "odd").returncode == 2


def test_a_paused_run_says_how_to_answer_it(desk: Path, here: Weft) -> None:
    done = here(desk, "run", "desk.py:sender", "go")
    assert done.returncode == 4
    assert "weft runs answer run_" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "desk.py:broken", "x"), 1, "no luck"),
        (("run", "desk.py:nobody", "x"), 3, "nobody"),
        (("run", "gone.py", "x"), 3, "gone.py"),
        (("run", "desk.py", "x"), 2, "name one of them"),
        (("run", "desk.py:echo", " "), 2, "empty"),
        (("run", "desk.py:echo"), 2, "Missing argument"),
        (("fly",), 2, "No such command"),
        (("runs", "show", "run_none"), 3, "run_none"),
        (("runs", "cancel", "run_none"), 3, "run_none"),
        (("runs", "list", "--status", "odd"), 2, "odd"),
        (("threads", "delete", "none", "--yes"), 3, "none"),
        (("threads", "list", "--store", "nonsense://x"), 2, "nonsense"),
        (("new", "../a b"), 2, "no name"),
    ],
)
def test_failures_have_codes_and_words_and_no_traceback(
    desk: Path, here: Weft, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = here(desk, *arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert words in re.sub(r"\s+", " ", done.stderr + done.stdout)
    assert "Traceback" not in done.stderr + done.stdout


def test_debug_shows_the_traceback(desk: Path, here: Weft) -> None:
    (desk / "bad.py").write_text("1 / 0\n")
    assert "Traceback" not in here(desk, "run", "bad.py", "x").stderr
    done = here(desk, "run", "bad.py", "x", "--debug")
    assert "Traceback" in done.stderr
    assert done.returncode == 2


def test_a_warning_is_words_and_no_place_in_the_code(desk: Path) -> None:
    (desk / "old.py").write_text("import warnings\nwarnings.warn('mind the [step]')\nfrom desk import echo\n")
    done = weft(desk, "run", "old.py:echo", "hi")
    assert done.returncode == 0, done.stderr
    assert "careful: mind the [step]" in done.stderr
    assert "old.py" not in done.stderr
    assert "old.py:2" in weft(desk, "run", "old.py:echo", "hi", "--debug").stderr


def test_errors_are_json_too(desk: Path, here: Weft) -> None:
    assert told(here(desk, "runs", "show", "none", "--json"), 3)["error"]["code"] == "store.not_found"


def test_an_interrupted_run_is_130_and_on_record(desk: Path) -> None:
    process = subprocess.Popen(
        python("-m", "weft", "run", "desk.py:slow", "x", "--thread", "t"),
        cwd=desk, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.read(1) == "a"
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in complaint
    assert told(weft(desk, "runs", "list", "--json"))[0]["status"] == "cancelled"


def test_chat_keeps_its_thread(desk: Path, here: Weft) -> None:
    done = here(desk, "chat", "desk.py:echo", "--thread", "c1", input="hi\n/help\n/thread\n\nagain\n/new\nhi\n/quit\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Hello there.") == 3
    assert "/new" in done.stdout
    assert told(here(desk, "threads", "show", "c1", "--json"))["thread"]["head_seq"] == 4
    assert len(told(here(desk, "threads", "list", "--json"))) == 2


def test_chat_survives_a_failed_run(desk: Path, here: Weft) -> None:
    done = here(desk, "chat", "desk.py:broken", input="hi\n/use echo\n/use broken\nhi\n")
    assert done.returncode == 0
    assert done.stdout.count("no luck") == 2
    assert "Hello there." not in done.stdout
    assert "talking with echo" in done.stdout


class Terminal:
    """``weft`` with a person at a terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "weft", *arguments],
            cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def sees(self, words: str) -> None:
        """Wait until the terminal shows the words, after what was seen before."""
        until = time.monotonic() + 20
        while words not in self.seen:
            assert time.monotonic() < until, self.seen
            if select.select([self._mine], [], [], 0.2)[0]:
                self.seen += os.read(self._mine, 65536).decode()
        self.seen = self.seen.partition(words)[2]

    def types(self, words: str) -> None:
        os.write(self._mine, words.encode())

    def interrupted(self) -> int:
        """Press Ctrl+C until it ends: Python hears none between showing a prompt and reading."""
        try:
            for _ in range(10):
                self.process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return self.process.wait(5)
            raise AssertionError("it did not end")
        finally:
            self.process.kill()
            os.close(self._mine)


def test_a_person_is_asked_and_may_stop_an_answer_or_leave(desk: Path) -> None:
    chat = Terminal(desk, "chat", "desk.py:sender")
    chat.sees("> ")
    chat.types("go\n")
    chat.sees("send asks for approval")
    chat.sees("Allow it? [yes/no] ")
    chat.types("yes\n")
    chat.sees("sent hi")
    chat.sees("All sent.")
    chat.sees("> ")
    chat.types("/use slow\n")
    chat.sees("talking with slow")
    chat.types("hi\n")
    chat.sees("a ")
    chat.process.send_signal(signal.SIGINT)
    chat.sees("stopped")
    chat.sees("> ")
    assert chat.interrupted() == 130


def test_the_example_answers_without_a_key(tmp_path: Path, here: Weft) -> None:
    done = here(tmp_path, "chat", "--model", "demo", input="What is 17 * 23?\n")
    assert "391" in done.stdout, (done.stdout, done.stderr)


def test_a_new_project_works(tmp_path: Path, here: Weft) -> None:
    done = here(tmp_path, "new", "shop")
    assert done.returncode == 0, done.stderr
    files = {path.name for path in (tmp_path / "shop").iterdir()}
    assert files == {"agent.py", "test_agent.py", "README.md", ".env.example", ".gitignore"}
    assert not any("{{" in path.read_text() for path in (tmp_path / "shop").iterdir())
    run = told(here(tmp_path / "shop", "run", "agent.py", "What is the price of tea?", "--json", "--model", "demo"))
    assert "4.50" in run["output"]
    tests = subprocess.run(
        python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:langsmith_plugin", "."),
        cwd=tmp_path / "shop", env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout
    again = here(tmp_path, "new", "shop")
    assert again.returncode == 1
    assert "not empty" in again.stderr


def test_doctor_says_what_is_missing_and_never_a_key(tmp_path: Path, here: Weft) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-not-a-real-one\n")
    findings = {one["name"]: one for one in told(here(tmp_path, "doctor", "--json"))["findings"]}
    assert {"Python", "SQLite", "Store", "Model", "Keys", "LiteLLM", "Web UI", "Port"} <= set(findings)
    assert findings["Keys"]["detail"] == "OPENAI_API_KEY"
    assert "OPENAI_API_KEY" in findings["Model"]["detail"]
    assert all(one["mend"] for one in findings.values() if one["state"] == "bad")
    done = here(tmp_path, "doctor")
    assert "not-a-real-one" not in done.stdout + done.stderr
    assert done.returncode == 0


def test_doctor_finds_what_does_not_work(tmp_path: Path, here: Weft) -> None:
    (tmp_path / "weft.db").write_text("this is no database, but a text that is long enough to be looked at" * 20)
    done = here(tmp_path, "doctor", "--json")
    findings = {one["name"]: one for one in told(done, 1)["findings"]}
    assert findings["Store"]["state"] == "bad"


def test_the_tables_are_made_and_looked_at(tmp_path: Path, here: Weft) -> None:
    assert here(tmp_path, "db", "current").returncode == 1
    assert told(here(tmp_path, "db", "upgrade", "--json"))["state"] == "up to date"
    assert told(here(tmp_path, "db", "current", "--json"))["state"] == "up to date"


def test_a_command_is_completed(tmp_path: Path) -> None:
    done = subprocess.run(
        python("-m", "weft"), cwd=tmp_path, text=True, capture_output=True, timeout=60, check=False,
        env={**environment(), "_WEFT_COMPLETE": "complete_bash", "COMP_WORDS": "weft th", "COMP_CWORD": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["threads"]


class Served:
    """``weft``, ``weft serve`` or ``weft dev`` in the background, until it gets ``end``."""

    def __init__(self, folder: Path, *arguments: str, end: signal.Signals = signal.SIGINT) -> None:
        self._end = end
        self.process = subprocess.Popen(
            [sys.executable, "-m", "weft", *arguments],
            cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if match := re.search(r"http://\S+", line):
                return match[0]
        raise AssertionError("it ended without saying where it is")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(self._end)
        try:
            self.process.communicate(timeout=20)
        finally:
            self.process.kill()


def test_weft_alone_serves_the_example(tmp_path: Path) -> None:
    served = Served(tmp_path, "--port", "0", "--no-browser")
    with served as url:
        assert [agent["name"] for agent in httpx.get(f"{url}api/v1/agents").json()["items"]] == ["assistant"]
        assert "<base href" in httpx.get(url).text
    assert served.process.returncode == 130


def test_a_taken_port_is_refused_where_it_was_named_and_avoided_where_not(desk: Path, here: Weft) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = here(desk, "serve", "desk.py", "--port", str(port))
        assert done.returncode == 2
        assert "cannot listen" in done.stderr


def test_dev_starts_again_when_a_file_changes(desk: Path) -> None:
    served = Served(desk, "dev", "desk.py", "--port", "0", "--no-browser", end=signal.SIGTERM)
    with served as url:
        assert len(httpx.get(f"{url}api/v1/agents").json()["items"]) == 5
        (desk / "desk.py").write_text(DESK + '\nextra = Agent("extra", model="demo")\n')
        _until(lambda: len(httpx.get(f"{url}api/v1/agents", timeout=10).json()["items"]) == 6)
        (desk / "desk.py").write_text("this is no Python")
        time.sleep(0.7)
        (desk / "desk.py").write_text(DESK)
        _until(lambda: len(httpx.get(f"{url}api/v1/agents", timeout=10).json()["items"]) == 5)
    assert served.process.returncode == 143
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}api/v1/health", timeout=5)


def _until(true: Any) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)
