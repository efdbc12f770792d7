"""Serve agents, graphs, tools, resources and prompts of a file to MCP hosts; sign in to servers of others."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import err, print_json
from weft.cli.example import example
from weft.cli.loading import load, opened, plain_app, public, split
from weft.cli.options import Host, Json, Model, Port, Store
from weft.errors import UsageError
from weft.protocols.mcp.bearer import Bearer
from weft.protocols.mcp.offer import Prompt, Resource
from weft.protocols.mcp.serving import Serving
from weft.server.alone import serve_alone
from weft.server.listen import bind, url_of
from weft.settings import Settings
from weft.tools.base import Tool
from weft.tools.function import Function
from weft.tools.mcp import MCP, OAuth, close_connections
from weft.tools.mcp.oauth import PORT, browse

command = typer.Typer(add_completion=False)

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@command.command()
def mcp(
    spec: Annotated[
        str | None, typer.Argument(metavar="[FILE.py[:NAME]]", help="Agents, graphs, an app, or what app.mcp() made.")
    ] = None,
    http: Annotated[bool, typer.Option("--http", help="Over HTTP at /mcp, in place of standard input.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this agent or graph; may be repeated.")] = None,
    host: Host = None,
    port: Port = None,
    token: Annotated[
        str | None, typer.Option(envvar="WEFT_MCP_TOKEN", help="A bearer token that clients must show.")
    ] = None,
    sign_in: Annotated[
        str | None, typer.Option("--sign-in", metavar="URL", help="Sign in at a server of others, and serve nothing.")
    ] = None,
    store: Store = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Serve what is in a file to MCP hosts, over standard input and output or HTTP."""
    if sign_in is not None:
        asyncio.run(_sign_in(sign_in, store, port))
        return
    if not http and (host or port is not None or token):
        raise UsageError("--host, --port and --token are for --http")
    serving = served(spec, only=only, store=store, model=model, token=token)
    if http:
        _over_http(serving, host, port, json)
        return
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    asyncio.run(serving.stdio())


def served(
    spec: str | None,
    *,
    only: Sequence[str] | None = None,
    store: str | None = None,
    model: str | None = None,
    token: str | None = None,
) -> Serving:
    """What ``app.mcp()`` made in the file; else all that is in it.

    Raises:
        NotFound, UsageError: as ``open_spec``, and for names that are not there; or the file says itself who may.
    """
    if spec is None:
        return example(store=store, model=model).mcp(only, tokens=_tokens(token))
    path, name = split(spec)
    values = public(load(path))
    made = [value for value in values.values() if isinstance(value, Serving)]
    named = values.get(name or "")
    if isinstance(named, Serving):
        return named if token is None else _guarded(named, token)
    if name is None and len(made) == 1 and not (only or store or model):
        return made[0] if token is None else _guarded(made[0], token)
    tools: list[Any] = [one for one in values.values() if isinstance(one, Function | Tool)]
    resources = [one for one in values.values() if isinstance(one, Resource)]
    prompts = [one for one in values.values() if isinstance(one, Prompt)]
    app, target = _app(path, name, values, bool(tools or resources or prompts), store, model)
    chosen = only or ([target] if name and target else None)
    return app.mcp(chosen, tokens=_tokens(token), tools=tools, resources=resources, prompts=prompts)


def _guarded(serving: Serving, token: str) -> Serving:
    """For whoever shows the token. Raises: UsageError: others may already."""
    if serving.admit is not None:
        raise UsageError("the file says itself who may use it (tokens=, admit=): leave out --token and WEFT_MCP_TOKEN")
    serving.admit = Bearer({token: "local"}, workspace=serving.workspace)
    return serving


def _app(
    path: Path, name: str | None, values: Mapping[str, Any], more: bool, store: str | None, model: str | None
) -> tuple[App, str | None]:
    """The app of the file; for one with tools and no target a new one."""
    try:
        found = opened(path, name, values, store=store, model=model)
    except UsageError:
        if not more:
            raise
        return plain_app((), store=store), None
    return found.app, found.target


def _tokens(token: str | None) -> dict[str, str] | None:
    return None if token is None else {token: "local"}


def _over_http(serving: Serving, host: str | None, port: int | None, as_json: bool) -> None:
    settings = Settings()
    host = host or settings.host
    if host not in LOOPBACK and serving.admit is None:
        raise UsageError(f"everyone who can reach {host} could use it: give a --token, or set WEFT_MCP_TOKEN")
    if host not in LOOPBACK and serving.hosts is not None:
        serving.hosts = (*serving.hosts, host, *settings.hosts)
    sock = bind(host, settings.port if port is None else port, tries=1 if port is not None else 20)
    url = f"{url_of(sock)}mcp"

    def ready() -> None:
        if as_json:
            print_json({"url": url, "pid": os.getpid()})
        else:
            err.print(f"[bold]Weft[/] serves MCP at {url}   [dim]Ctrl+C stops it[/]")

    serve_alone(serving, sock, ready=ready)


async def _sign_in(url: str, store: str | None, port: int | None) -> None:
    """The tokens go into the store, where runs find them. ``port`` is that of the page to which a person comes back."""
    settings = Settings()
    async with App(store=store or settings.store, workspace=settings.workspace) as app:
        try:
            await MCP(url, auth=OAuth(port=port or PORT)).sign_in(_shown, app=app)
        finally:
            await close_connections()
    err.print(f"Signed in at {url}.", markup=False)


def _shown(url: str) -> None:
    err.print(f"Sign in at {url}", markup=False, soft_wrap=True)
    browse(url)
