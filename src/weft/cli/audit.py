"""Who used which tool, by which rule: the audit."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Limit, Store
from weft.cli.threads import moment, on, recorded
from weft.runtime.costs import when
from weft.storage.audit_rows import place_of_use
from weft.storage.base import UseRow

command = typer.Typer(add_completion=False)
_KINDS = {
    "changed": "a row was changed",
    "removed": "a row was removed",
    "added": "a row was added that is not in the chain",
    "relinked": "the chain was written anew",
    "unknown": "the link that was noted down is not in the chain",
}

_COLUMNS = ("at", "run_id", "user_id", "agent", "tool", "call_id", "effect", "decision", "rule", "answer")


@command.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="Only calls of this run.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only calls of this tool.")] = None,
    decision: Annotated[str | None, typer.Option(help="Only those that were so: allow, ask or deny.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-21, or so long ago: 24h, 7d, 4w.")] = None,
    until: Annotated[str | None, typer.Option(help="The same, for the end.")] = None,
    limit: Limit = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on after this, as the page before it said.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Tool calls that a policy judged, newest first; ``verify`` says whether they are as they were written."""
    if context.invoked_subcommand is not None:
        return

    async def read(app: App) -> Sequence[UseRow]:
        return await app.audit(
            user=user,
            run=run,
            tool=tool,
            decision=decision,
            since=when(since) if since else 0.0,
            until=when(until) if until else None,
            limit=limit,
            cursor=cursor,
        )

    rows = on(recorded(store), read)
    if json:
        print_json([_plain(row) for row in rows])
        return
    shown = table("at", "user", "agent", "tool", "decision", "rule", "influenced by", "arguments", "result")
    for row in rows:
        decided = row.decision + (f": {row.answer}" if row.answer else "")
        hashes = row.arguments.hex()[:8], "" if row.result is None else row.result.hex()[:8]
        sources = ", ".join(row.sources.splitlines())
        words = (row.user_id, row.agent, row.tool, decided, row.rule, sources)
        shown.add_row(moment(row.at), *map(clean, words), *hashes)
    out.print(shown if rows else "No policy has judged a tool call.")
    if len(rows) == limit:
        out.print(f"More: weft audit --cursor {place_of_use(rows[-1])}", markup=False)


@command.command()
def verify(
    known: Annotated[
        str | None, typer.Option(help="What it said last time, noted down elsewhere: is that still in the chain?")
    ] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Look for rows that were changed, removed or added behind its back; exit code 1 if there are any."""
    proof = on(recorded(store), lambda app: app.verify_audit(known=known))
    if json:
        print_json(
            {**{name: getattr(proof, name) for name in ("ok", "rows", "erased", "faults")}, "head": str(proof.head)}
        )
    else:
        for fault in proof.faults:
            where = f"link {fault.n}" if fault.n else fault.run_id
            row = f" (run {fault.run_id}, {moment(fault.at)})" if fault.n and fault.run_id else ""
            out.print(f"{where}: {_KINDS[fault.kind]}{row}", markup=False)
        out.print(
            f"{proof.rows} rows are as they were written, {proof.erased} were erased in good order.", markup=False
        )
        out.print(f"Note this down elsewhere, for the next time: --known {proof.head}", markup=False, soft_wrap=True)
    if not proof.ok:
        raise typer.Exit(1)


@command.command()
def erase(
    before: Annotated[str, typer.Option(help="Rows from before 2026-11-21, or older than: 24h, 90d, 52w.")],
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Erase old rows. Their hashes stay in the chain, and a row says that it was done."""
    count = on(recorded(store), lambda app: app.erase_audit(before=when(before), user=user))
    if json:
        print_json({"erased": count})
    else:
        out.print(f"{count} rows were erased.", markup=False)


def _plain(row: UseRow) -> dict[str, Any]:
    hashes = {"arguments": row.arguments.hex(), "result": None if row.result is None else row.result.hex()}
    rest = {"sources": row.sources.splitlines(), "failed": row.failed, "duration": row.duration}
    return {**{name: getattr(row, name) for name in _COLUMNS}, **rest, **hashes, "cursor": place_of_use(row)}
