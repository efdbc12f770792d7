"""Serve the API and the UI, and work the queue."""

import asyncio
import os
import socket
import sys
import threading
import webbrowser
from typing import Annotated

import typer

from weft.agents.agent import Agent
from weft.app import App
from weft.cli.console import err, print_json
from weft.cli.example import example
from weft.cli.loading import open_spec
from weft.cli.options import Browser, Host, Json, Model, Port, Store
from weft.cli.policy import in_force
from weft.models.choose import at_hand
from weft.server.app import create_app
from weft.server.listen import bind, listen, url_of
from weft.server.ui import UI
from weft.settings import Settings

command = typer.Typer(add_completion=False)

_NEARBY = 20
"""Ports that are tried, one after the other, where the user named none."""


@command.command()
def serve(
    target: Annotated[str | None, typer.Argument(help="FILE.py or FILE.py:name; without it, the example.")] = None,
    host: Host = None,
    port: Port = None,
    store: Store = None,
    model: Model = None,
    browser: Browser = False,
    verbose: Annotated[bool, typer.Option(help="Log every request.")] = False,
    grace: Annotated[float, typer.Option(help="Seconds that runs have to come to rest at the end.", min=0)] = 5.0,
    json: Json = False,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
) -> None:
    """Serve the API and the UI, and work the queue."""
    app = example(store=store, model=model) if target is None else open_spec(target, store=store, model=model).app
    settings = _settings(host, port)
    sock = _socket(settings, named=port is not None) if fd is None else socket.socket(fileno=fd)
    run(app, settings, sock, browser=browser, verbose=verbose, grace=grace, as_json=json)


def welcome(*, host: str | None, port: int | None, browser: bool) -> None:
    """``weft`` alone: the UI, with the example to talk to."""
    settings = _settings(host, port)
    run(example(), settings, _socket(settings, named=port is not None), browser=browser)


def _settings(host: str | None, port: int | None) -> Settings:
    settings = Settings()
    given = {"host": host, "port": port}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


def _socket(settings: Settings, *, named: bool) -> socket.socket:
    named = named or "port" in Settings().model_fields_set
    return bind(settings.host, settings.port, tries=1 if named else _NEARBY)


def run(
    app: App,
    settings: Settings,
    sock: socket.socket,
    *,
    browser: bool = False,
    verbose: bool = False,
    grace: float = 5.0,
    as_json: bool = False,
) -> None:
    """Serve until the process is told to stop."""
    ui = UI()
    url = url_of(sock, settings.root_path)

    def ready() -> None:
        if as_json:
            print_json({"url": url, "pid": os.getpid(), "targets": sorted(app.targets())})
        else:
            loop = asyncio.get_running_loop()
            threading.Thread(target=_greet, args=(app, url, ui, settings, loop), daemon=True).start()
        if browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    listen(create_app(app, settings=settings, ui=ui, grace=grace), sock, ready=ready, verbose=verbose)


def _greet(app: App, url: str, ui: UI, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
    err.print(f"[bold]Weft[/] is at [link={url}]{url}[/]   [dim]Ctrl+C stops it[/]")
    err.print(f"  targets  {', '.join(sorted(app.targets()))}", markup=False)
    err.print(f"  store    {app.store.url}", markup=False)
    err.print(f"  policy   {in_force(asyncio.run_coroutine_threadsafe(app.policy(), loop).result(10))}", markup=False)
    if not ui.built:
        err.print("  [yellow]the web UI is not built:[/] make ui")
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        err.print("  [yellow]everyone who can reach this address can use it: there is no login yet[/]")
    if any(isinstance(target, Agent) and target.model is None for target in app.targets().values()):
        model, reason = at_hand()
        err.print(f"  model    {model.name} ({reason})", markup=False)


def _has_screen() -> bool:
    """Whether a browser that we open would be seen by the person who typed the command."""
    if os.environ.get("CI") or os.environ.get("SSH_CONNECTION") or not sys.stderr.isatty():
        return False
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
