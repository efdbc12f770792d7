"""``weft runs to-test``: a run on record becomes a test that fails as the run did."""

from pathlib import Path
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import out, print_json
from weft.cli.loading import load, only_here, public, split
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import NotFound, UsageError
from weft.storage.base import Scope
from weft.testing.from_run import Written, write_test


def to_test(
    id: Annotated[str, typer.Argument(help="The run's id.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--here", help="The Python file with the run's agent.", metavar="FILE.py", show_default="the only one here"
        ),
    ] = None,
    folder: Annotated[Path, typer.Option("--to", help="Where the test goes.", metavar="FOLDER")] = Path("tests"),
    store: Store = None,
    json: Json = False,
) -> None:
    """Make a pytest file and a cassette of a run: it fails as the run did, until what was wrong is mended."""
    path, name = split(source or only_here())
    app = recorded(store)
    written = on(app, lambda app: _written(app, id, path, name, folder))
    if json:
        print_json({"test": str(written.test), "cassette": str(written.cassette), "calls": written.calls})
    else:
        out.print(f"pytest {written.test}", markup=False)


async def _written(app: App, id: str, path: Path, name: str | None, folder: Path) -> Written:
    scope = Scope(app.workspace)
    record = await app.store.runs.get(scope, id)
    events = await app.events(scope, id, limit=10_000)
    return write_test(record, events, target=name or _variable(path, record.target), source=path, folder=folder)


def _variable(path: Path, target: str) -> str:
    """The name in the file of what is called ``target``."""
    values: dict[str, Any] = dict(public(load(path)))
    for variable, value in values.items():
        if getattr(value, "name", None) == target and not isinstance(value, type):
            if not callable(getattr(value, "run_sync", None)):
                raise UsageError(f"{target!r} cannot be run by itself, so no test can be made of it")
            return variable
    raise NotFound(f"{path.name} holds no {target!r}")
