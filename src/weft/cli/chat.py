"""Talk with a target in the terminal, in one thread."""

from typing import Annotated

import typer

from weft.cli.console import Transcript, err, out, say
from weft.cli.example import example
from weft.cli.loading import Opened, open_spec
from weft.cli.options import IfBusy, Model, Store
from weft.cli.talking import Talk
from weft.errors import WeftError
from weft.ids import new_id
from weft.storage.commands import IfBusy as Busy

command = typer.Typer(add_completion=False)

_HELP = """/help          this
/new           begin a new thread
/thread [ID]   say which thread this is, or go on in another
/use NAME      talk with another target
/quit          leave (Ctrl+D does too)"""


@command.command()
def chat(
    target: Annotated[str | None, typer.Argument(help="FILE.py:name or FILE.py; without it, the example.")] = None,
    thread: Annotated[str | None, typer.Option(help="Go on in this thread.")] = None,
    if_busy: IfBusy = None,
    store: Store = None,
    model: Model = None,
) -> None:
    """Talk with a target, in one thread. /help says what else can be typed."""
    if target is None:
        app = example(store=store, model=model)
        opened = Opened(app, next(iter(app.targets())))
    else:
        opened = open_spec(target, store=store, model=model)
    with Talk(opened.app, Transcript()) as talk:
        _Chat(talk, opened.one(), thread or new_id("thread"), if_busy).loop()


class _Chat:
    def __init__(self, talk: Talk, target: str, thread: str, if_busy: Busy | None) -> None:
        self._talk, self._target, self._thread = talk, target, thread
        self._if_busy: Busy | None = if_busy

    def loop(self) -> None:
        say(f"[dim]{self._target} · thread {self._thread} · /help[/]")
        while (words := _line()) is not None:
            if words.startswith("/"):
                if not self._command(*words.split(maxsplit=1)):
                    return
            elif words:
                self._say(words)

    def _say(self, words: str) -> None:
        try:
            record = self._talk.turn(self._target, words, self._thread, self._if_busy)
        except KeyboardInterrupt:
            say("\n[yellow]stopped[/]")
            return
        except WeftError as error:  # it never began: the thread is busy, say
            err.print(f"{error.code}: {error}", markup=False, style="red")
            return
        if record.status == "paused":
            say(f"[yellow]it waits for an answer:[/] weft runs answer {record.id} yes")

    def _command(self, name: str, rest: str = "") -> bool:
        """Do what a line with a slash says; whether to go on."""
        targets = self._talk.app.targets()
        match name:
            case "/quit" | "/exit" | "/q":
                return False
            case "/new":
                self._thread = new_id("thread")
                out.print(f"thread {self._thread}", markup=False)
            case "/thread":
                self._thread = rest.strip() or self._thread
                out.print(f"thread {self._thread}", markup=False)
            case "/use" if rest.strip() in targets:
                self._target = rest.strip()
                out.print(f"talking with {self._target}", markup=False)
            case "/use":
                out.print(f"there is {', '.join(sorted(targets))}", markup=False)
            case _:
                out.print(_HELP, markup=False)
        return True


def _line() -> str | None:
    """What was typed; ``None`` at the end of the input."""
    try:
        return input("> ").strip()
    except EOFError:
        return None
