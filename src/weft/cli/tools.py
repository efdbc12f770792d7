"""The workspace's tools: list, show, run, add and remove."""

import json as codec
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar, cast

import typer

from weft.agents.trying import Bench, members, tried
from weft.app import App
from weft.cli.arguments import pairs_of, value_of
from weft.cli.console import clean, err, out, print_json, table
from weft.cli.loading import policy_in
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.settings import Settings
from weft.tools import mcp
from weft.tools.base import Tool
from weft.tools.registry import Permits, Registration, Registry

T = TypeVar("T")

command = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Tools of the workspace, for agents with Enabled()."
)

Name = Annotated[str, typer.Argument(help="As `weft tools list` shows it.")]


def permits_of(settings: Settings) -> Permits:
    """What may be added here."""
    return Permits(
        packages=settings.tool_packages,
        commands=settings.tool_commands,
        variables=settings.tool_variables,
        hosts=settings.tool_hosts,
    )


def _with(store: str | None, work: Callable[[Registry, Bench], Coroutine[Any, Any, T]]) -> T:
    async def done(app: Any) -> T:
        try:
            bench = Bench(store=app.store, workspace=app.workspace)
            return await work(Registry(app.store, app.workspace, permits_of(Settings())), bench)
        finally:
            await mcp.close_connections()

    return on(recorded(store), done)


@command.command("list")
def list_tools(store: Store = None, json: Json = False) -> None:
    """All that were added, and the built-in ones."""
    found = _with(store, lambda registry, _: registry.all())
    if json:
        print_json(found)
        return
    shown = table("name", "kind", "target", "enabled", "approval")
    for each in found:
        target = each.target if isinstance(each.target, str) else " ".join(each.target)
        shown.add_row(
            each.name, each.kind, clean(target), "yes" if each.enabled else "-", "yes" if each.approval else "-"
        )
    out.print(shown)


@command.command()
def show(name: Name, store: Store = None, json: Json = False) -> None:
    """Its tools, what they are for, and what they take."""

    async def read(registry: Registry, bench: Bench) -> list[Tool]:
        return list(await members(await registry.toolset(name), bench))

    tools = _with(store, read)
    if json:
        print_json(
            [
                {"name": each.name, "effect": each.effect, "approval": bool(each.approval), **_spec(each)}
                for each in tools
            ]
        )
        return
    for each in tools:
        asks = ", asks first" if each.approval else ""
        out.print(f"{each.name} ({each.effect}{asks})\n  {clean(each.spec.description)}", markup=False)
        for parameter, schema in each.spec.parameters.get("properties", {}).items():
            wanted = " (required)" if parameter in each.spec.parameters.get("required", ()) else ""
            out.print(f"  {parameter}{wanted}: {clean(codec.dumps(schema))}", markup=False)


def _spec(tool: Tool) -> dict[str, Any]:
    return {"description": tool.spec.description, "parameters": tool.spec.parameters}


@command.command("run")
def run_tool(
    name: Name,
    arguments: Annotated[str, typer.Argument(help='JSON, such as {"expression": "6 * 7"}.')] = "{}",
    tool: Annotated[str, typer.Option(help="Which, where it has several.")] = "",
    store: Store = None,
    json: Json = False,
) -> None:
    """Call it once; exit code 1 where it fails, 4 where a person must be asked first."""
    try:
        given: Any = codec.loads(arguments)
    except ValueError as error:
        raise UsageError(f"the arguments are not JSON: {error}") from None
    if not isinstance(given, dict):
        raise UsageError("the arguments are a JSON object")
    wanted = cast("dict[str, Any]", given)

    async def call(app: App) -> Any:
        try:
            registry = Registry(app.store, app.workspace, permits_of(Settings()))
            kept = await app.policy()
            policy = policy_in(Settings()) if kept is None else kept.policy
            bench = Bench(store=app.store, workspace=app.workspace)
            return await tried(await registry.toolset(name), tool, wanted, policy=policy, bench=bench)
        finally:
            await mcp.close_connections()

    done = on(recorded(store), call)
    if done.paused:
        err.print("It asks a person first, so it was not called; an agent's run would wait for the answer.")
        raise typer.Exit(4)
    if json:
        print_json(done.output)
    else:
        out.print(clean(done.output.content), markup=False)
    if done.output.failed:
        raise typer.Exit(1)


@command.command()
def add(
    name: Annotated[str, typer.Argument(help="A built-in tool to enable, or the name of a new one.")],
    target: Annotated[
        list[str] | None, typer.Argument(help="module:function, the URL of an MCP server, or its command after --.")
    ] = None,
    approval: Annotated[bool, typer.Option(help="A person must say yes before each call.")] = False,
    option: Annotated[list[str] | None, typer.Option(help="name=value, for a built-in tool.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="Name=value, for an MCP server.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Enable a built-in tool, or add a function or an MCP server.

    Functions come from WEFT_TOOL_PACKAGES, programs from WEFT_TOOL_COMMANDS, URLs beyond public
    addresses from WEFT_TOOL_HOSTS, os.environ/NAME from WEFT_TOOL_VARIABLES;
    secret:NAME is what `weft secrets set` keeps.
    """
    words = target or []

    async def put(registry: Registry, _: Bench) -> Registration:
        if not words:
            options = {key: value_of(text) for key, text in pairs_of(option)} or None
            return await registry.change(name, enabled=True, approval=approval, options=options)
        one = words[0]
        is_function = len(words) == 1 and ":" in one and "/" not in one
        told = Registration(
            name=name,
            kind="custom" if is_function else "mcp",
            target=one if is_function or one.startswith(("http://", "https://")) else tuple(words),
            headers=dict(pairs_of(header)),
            approval=approval,
        )
        return await registry.add(told)

    added = _with(store, put)
    if json:
        print_json(added)
    else:
        out.print(f"{added.name} is enabled: agents with Enabled() among their tools have it.", markup=False)


@command.command()
def remove(name: Name, store: Store = None, json: Json = False) -> None:
    """Take it out; a built-in tool is not enabled any more."""
    _with(store, lambda registry, _: registry.remove(name))
    if json:
        print_json({"removed": name})
    else:
        out.print(f"{name} is gone.", markup=False)
