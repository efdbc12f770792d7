"""What tool calls are held to: show, check and set the policy of the workspace."""

from typing import Annotated

import typer

from weft.app import App
from weft.cli.arguments import pairs_of, value_of
from weft.cli.console import clean, out, print_json, table
from weft.cli.loading import policy_in
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.runtime.permits import KeptPolicy
from weft.security.policy import DEFAULTS, Policy, read_policy, use_of
from weft.settings import Settings

command = typer.Typer(add_completion=False, no_args_is_help=True, help="What tool calls are held to.")

File = Annotated[str, typer.Argument(help="A YAML file with rules.")]


@command.command("show")
def show_policy(store: Store = None, json: Json = False) -> None:
    """The policy on record."""
    kept = on(recorded(store), lambda app: app.policy())
    if json:
        print_json({"version": 0, "policy": None} if kept is None else kept)
    elif kept is None:
        out.print(
            "No policy is on record: apps of the command line hold to WEFT_POLICY (default), others to their own."
        )
    else:
        out.print(f"Version {kept.version}", markup=False)
        _show(kept.policy)


@command.command("check")
def check_policy(file: File, json: Json = False) -> None:
    """Read a policy, and say what it says."""
    policy = read_policy(file)
    if json:
        print_json(policy)
    else:
        _show(policy)


@command.command("set")
def set_policy(file: File, store: Store = None, json: Json = False) -> None:
    """Put a policy on record, in place of the one that holds."""
    policy = read_policy(file)

    async def work(app: App) -> KeptPolicy:
        return await app.set_policy(policy)

    kept = on(recorded(store), work)
    if json:
        print_json(kept)
    else:
        out.print(f"Version {kept.version} holds within two seconds in every process.", markup=False)


@command.command("try")
def try_policy(
    tool: Annotated[str, typer.Argument(help="The tool that would be called.")],
    file: Annotated[str | None, typer.Option("--file", help="A YAML file, in place of the policy that holds.")] = None,
    argument: Annotated[list[str] | None, typer.Option("--arg", metavar="NAME=VALUE", help="May be repeated.")] = None,
    effect: Annotated[str, typer.Option(help="What the tool does: read, idempotent or once.")] = "once",
    agent: Annotated[str, typer.Option(help="Which agent would call it.")] = "",
    user: Annotated[str, typer.Option(help="For whom.")] = "local",
    source: Annotated[
        list[str] | None, typer.Option(help="Somebody else's content that had a hand in it; may be repeated.")
    ] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Say what would become of a call, and by which rules. Nothing is called."""
    arguments = {name: value_of(text) for name, text in pairs_of(argument)}
    use = use_of(tool, arguments, effect=effect, agent=agent, user=user, sources=source or ())
    policy = on(recorded(store), _in_force) if file is None else read_policy(file)
    verdict = policy.judge(use)
    if json:
        fitting = [{"decision": rule.decision, "rule": rule.title} for rule in policy.fitting(use)]
        print_json({"verdict": verdict, "fitting": fitting})
        return
    because = f": {verdict.reason}" if verdict.reason else ""
    out.print(f"{verdict.decision}, by {verdict.rule}{because}", markup=False)
    for rule in policy.fitting(use):
        out.print(f"  {rule.decision:<5} {rule.title}", markup=False)


async def _in_force(app: App) -> Policy:
    """What is on record, or what the settings say."""
    kept = await app.policy()
    found = policy_in(Settings()) if kept is None else kept.policy
    if found is None:
        raise UsageError("no policy holds: every call is allowed. Give one: --file policy.yaml")
    return found


def in_force(kept: KeptPolicy | None) -> str:
    """Which policy holds, in a few words."""
    if kept is None:
        return "none: tools are called as their programs allow, and nothing is audited"
    if kept.version == 0 and kept.policy == Policy():
        return "default: what has a side effect is asked about where others' content may be behind it"
    rules = f"{len(kept.policy.rules)} rules" + ("" if kept.policy.defaults else ", without the defaults")
    return f"the program's own: {rules}" if kept.version == 0 else f"version {kept.version} on record: {rules}"


def _show(policy: Policy) -> None:
    shown = table("rule", "says", "tools", "if")
    for rule in (*policy.rules, *(DEFAULTS if policy.defaults else ())):
        shown.add_row(*map(clean, (rule.title, rule.decision, ", ".join(rule.tools), rule.conditions)))
    out.print(shown)
    out.print(f"Otherwise: {policy.otherwise}", markup=False)
