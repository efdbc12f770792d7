"""What memories connect: who and what there is, what is around one, and the ways from one to another."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.memory import User
from weft.cli.options import Json, Limit, Store
from weft.cli.threads import moment, on, recorded
from weft.errors import UsageError
from weft.memory.graph import Edge, Graph

command = typer.Typer(add_completion=False, no_args_is_help=True, help="What memories connect.")

AsOf = Annotated[str | None, typer.Option(help="What held on that day, such as 2026-03-01.", show_default="now")]
KnownAt = Annotated[str | None, typer.Option(help="As was known on that day.", show_default="now")]
Name = Annotated[str, typer.Argument(help="Of a person, place or thing.")]


@command.command("list")
def list_entities(
    user: User = "local",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    store: Store = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Who and what is connected, by name."""
    found = _graph(store, user, as_of, known_at).entities(limit=limit)
    if json:
        print_json(found)
        return
    shown = table("name", "also called", "edges")
    for one in found:
        shown.add_row(clean(one.name), clean(", ".join(one.names[1:])), str(one.edges))
    out.print(shown if found else "Nothing is connected yet.")


@command.command("related")
def related(
    name: Name,
    depth: Annotated[int, typer.Option(help="Edges from it, at most.", min=1, max=5)] = 1,
    user: User = "local",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    store: Store = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """What one is connected to, the nearest first."""
    edges = _graph(store, user, as_of, known_at).neighbours(name, depth=depth, limit=limit)
    if json:
        print_json([_plain(edge) for edge in edges])
        return
    shown = table("subject", "relation", "object", "since", "word of", "memory")
    for edge in edges:
        names = [clean(each) for each in (edge.subject, edge.relation, edge.object)]
        shown.add_row(*names, moment(edge.since), edge.trust, edge.memories[0].id)
    out.print(shown if edges else f"Nothing is connected to {name}.", markup=False)


@command.command("paths")
def paths(
    start: Name,
    end: Name,
    most: Annotated[int, typer.Option(help="Edges of a path, at most.", min=1, max=8)] = 4,
    user: User = "local",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """The shortest ways from one to another."""
    ways = _graph(store, user, as_of, known_at).paths(start, end, most=most)
    if json:
        print_json([[_plain(edge) for edge in way] for way in ways])
        return
    for way in ways:
        out.print("; ".join([clean(f"{edge.subject} - {edge.relation} - {edge.object}") for edge in way]), markup=False)
    if not ways:
        out.print(f"No way leads from {start} to {end}.", markup=False)


def _graph(store: str | None, user: str, as_of: str | None, known_at: str | None) -> Graph:
    times = {"as_of": _day(as_of), "known_at": _day(known_at)}

    async def read(app: App) -> Graph:
        return await app.memories(user).graph(**times)

    return on(recorded(store), read)


def _day(told: str | None) -> float | None:
    try:
        return None if told is None else datetime.fromisoformat(told).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise UsageError(f"{told!r} is no day: write it as 2026-03-01") from None


def _plain(edge: Edge) -> dict[str, Any]:
    plain = {name: getattr(edge, name) for name in edge.__struct_fields__}
    return {**plain, "memories": [row.id for row in edge.memories]}
