"""The workspace's router: show, change and try it."""

import asyncio
import importlib
import json as codec
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.cli.console import clean, err, out, print_json, table
from weft.cli.options import Json, Store
from weft.cli.threads import moment, on, recorded
from weft.errors import ModelUnavailable, NotFound, UsageError
from weft.models.router import Probe, parse_deployment, probe, read, to_yaml
from weft.models.routing import Deployment
from weft.models.stored import Version

command = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Groups of deployments that models are asked by."
)

_NONE = "There is no router yet: weft router config FILE.yaml, or weft router add GROUP MODEL"
Expected = Annotated[int | None, typer.Option("--version", help="Only where this version holds.", min=0)]
Only = Annotated[str | None, typer.Argument(help="A group, or the id of a deployment.", show_default="all")]


@command.command()
def config(
    file: Annotated[Path | None, typer.Argument(help="YAML to put in its place.", show_default="show it")] = None,
    store: Store = None,
    version: Expected = None,
    history: Annotated[bool, typer.Option("--history", help="All versions, the newest first.")] = False,
    json: Json = False,
) -> None:
    """Show the router as YAML, or put a file in its place. Keys are named by their variable, never written out."""
    app = recorded(store)
    if file is not None:
        router = read(file)

        async def put() -> Version:
            expected = (await app.router.read()).version if version is None else version
            return await app.router.write(router, expected=expected)

        _say(on(app, lambda _: put()), as_json=json)
        return
    versions = on(app, lambda app: app.router.history() if history else _newest(app.router))
    if json:
        print_json(versions if history else versions[0])
    elif history:
        for each in versions:
            out.print(f"{each.version}  {moment(each.at or 0.0)}  {len(each.router.groups)} groups", markup=False)
    elif versions[0].version == 0:
        out.print(_NONE)
    else:
        out.print(f"# version {versions[0].version}\n{to_yaml(versions[0].router)}", markup=False, end="")


async def _newest(router: Any) -> list[Version]:
    return [await router.read()]


@command.command()
def status(
    store: Store = None,
    server: Annotated[
        str | None, typer.Option(help="Address of a running Weft, such as http://127.0.0.1:8321.")
    ] = None,
    json: Json = False,
) -> None:
    """Deployments, and whether their keys are set; from a running server also how they do."""
    if server is not None:
        _status_of(server, as_json=json)
        return
    kept = on(recorded(store), lambda app: app.router.read())
    rows = [
        {"id": id, "group": group, "model": each.model, "via": each.via, "base_url": each.base_url, "key": _key(each)}
        for id, group, each in kept.router.deployments()
    ]
    if json:
        print_json({"version": kept.version, "strategy": kept.router.strategy, "deployments": rows})
        return
    shown = table("id", "group", "model", "address", "key")
    for row in rows:
        shown.add_row(*[clean(str(row[name] or "")) for name in ("id", "group", "model", "base_url", "key")])
    out.print(shown if rows else _NONE)


def _key(deployment: Deployment) -> str:
    if deployment.api_key is None:
        return "-" if deployment.base_url else "the provider's own"
    variable = deployment.api_key.removeprefix("os.environ/")
    return f"{variable}: {'set' if os.environ.get(variable) else 'NOT SET'}"


def _status_of(server: str, *, as_json: bool) -> None:
    told = _fetched(f"{server.rstrip('/')}/api/v1/router/health")
    if as_json:
        print_json(told)
        return
    shown = table("id", "model", "state", "calls", "failed", "in flight", "last error")
    for each in told["deployments"]:
        shown.add_row(
            *[each["id"], clean(each["model"]), each["state"]],
            *[str(each[name]) for name in ("calls", "failed", "in_flight")],
            clean(each["last_error"] or "")[:80],
        )
    out.print(shown)


def _fetched(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise UsageError("--server takes an address that begins with http:// or https://")
    http: Any = importlib.import_module("urllib.request")  # not at the top: few ask a server
    try:
        with http.urlopen(url, timeout=10) as reply:
            return codec.loads(reply.read())
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{url} cannot be read: {error}") from error


@command.command()
def add(
    group: Annotated[str, typer.Argument(help="The group; made where it is new.")],
    model: Annotated[str, typer.Argument(help="Such as openai/gpt-5-mini.")],
    base_url: Annotated[str | None, typer.Option(help="Where an OpenAI-compatible server answers.")] = None,
    api_key: Annotated[str | None, typer.Option(help="os.environ/NAME: the variable, never the key.")] = None,
    via: Annotated[str, typer.Option(help="litellm, or direct.")] = "litellm",
    weight: Annotated[float | None, typer.Option()] = None,
    rpm: Annotated[int | None, typer.Option(help="Requests a minute.")] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens a minute.")] = None,
    order: Annotated[int | None, typer.Option(help="The lowest is taken first.")] = None,
    max_parallel: Annotated[int | None, typer.Option(help="Calls at the same time.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Once for each tag.")] = None,
    store: Store = None,
    version: Expected = None,
    json: Json = False,
) -> None:
    """Add a deployment to a group."""
    told = {
        **{"model": model, "base_url": base_url, "api_key": api_key, "via": via, "weight": weight, "rpm": rpm},
        **{"tpm": tpm, "order": order, "max_parallel": max_parallel, "tags": tag},
    }
    deployment = parse_deployment({name: value for name, value in told.items() if value is not None})
    _say(on(recorded(store), lambda app: app.router.add(group, deployment, expected=version)), as_json=json)


@command.command()
def remove(
    id: Annotated[str, typer.Argument(help="As `weft router status` shows it.")],
    store: Store = None,
    version: Expected = None,
    json: Json = False,
) -> None:
    """Take a deployment out, and its group with the last one."""
    _say(on(recorded(store), lambda app: app.router.remove(id, expected=version)), as_json=json)


def _say(kept: Version, *, as_json: bool) -> None:
    if as_json:
        print_json(kept)
    else:
        groups = ", ".join(f"{name} ({len(each)})" for name, each in kept.router.groups.items()) or "none"
        out.print(f"Version {kept.version} holds now. Groups: {groups}", markup=False)


@command.command("test")
def try_out(only: Only = None, store: Store = None, json: Json = False) -> None:
    """Ask deployments for one word, past all rules; exit code 1 where one fails. It costs what a call costs."""
    kept = on(recorded(store), lambda app: app.router.read())
    with err.status("asking ..."):
        probes = asyncio.run(probe(kept.router, only))
    if not probes:
        raise NotFound(f"the router has no {only or 'deployments'}")
    if json:
        print_json(probes)
    else:
        _show(probes)
    if not all(each.ok for each in probes):
        raise typer.Exit(1)


def _show(probes: list[Probe]) -> None:
    shown = table("id", "model", "answer", "seconds")
    for each in probes:
        shown.add_row(each.id, clean(each.model), "ok" if each.ok else clean(each.error or ""), f"{each.seconds:.2f}")
    out.print(shown)
