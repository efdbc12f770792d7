"""``weft keys``: the keys that the store is sealed under."""

import os
from typing import Any

import typer

from weft.app import App
from weft.cli.console import err, out, print_json, table
from weft.cli.options import Json, Store
from weft.cli.threads import moment, on, recorded
from weft.errors import UsageError
from weft.security.keys import NAME, master_in
from weft.storage.key_rows import Resealing

command = typer.Typer(add_completion=False, no_args_is_help=True, help="The keys that the store is sealed under.")
NEW = NAME.replace("WEFT_", "WEFT_NEW_")


@command.command("status")
def status(store: Store = None, json: Json = False) -> None:
    """The data keys of each workspace, and what is still sealed under an older one."""

    async def read(app: App) -> tuple[Any, Any]:
        return await app.keys(), await app.store.keys.going()

    keys, going = on(recorded(store), read)
    if json:
        print_json({"keys": list(keys), "resealing": list(going)})
        return
    shown = table("workspace", "key", "for", "since", "retired")
    for key in keys:
        retired = "" if key.retired_at is None else moment(key.retired_at)
        shown.add_row(key.workspace, key.id, key.kind, moment(key.at), retired)
    out.print(shown if keys else "No workspace has a key yet: it gets one with its first word.")
    for one in going:
        out.print(_progress(one), markup=False)


@command.command("rotate")
def rotate(store: Store = None, json: Json = False) -> None:
    """Make a new data key for the workspace, and seal all that is there under it; also what was plain until now."""
    _end(on(recorded(store), lambda app: app.rotate_keys(_tell)), json)


@command.command("resume")
def resume(store: Store = None, json: Json = False) -> None:
    """Go on with a rotation that was cut off, or take the old key away a minute later."""
    _end(on(recorded(store), lambda app: app.finish_rotation(_tell)), json)


@command.command("rotate-master")
def rotate_master(store: Store = None, json: Json = False) -> None:
    """Wrap all data keys by the key in WEFT_NEW_MASTER_KEY (or _FILE, or _COMMAND), all or none."""
    new = master_in(os.environ, NEW)
    if new is None:
        raise UsageError(f"set {NEW}, {NEW}_FILE or {NEW}_COMMAND to the new master key, beside the old one")
    count = on(recorded(store), lambda app: app.change_master(new))
    if json:
        print_json({"wrapped": count})
    else:
        out.print(f"{count} data keys are wrapped by the new master key: from now on {NAME} is that one.", markup=False)


def _progress(one: Resealing) -> str:
    return f"{one.workspace}: {one.done} of {one.total} rows are under the new key"


def _tell(one: Resealing) -> None:
    err.print(_progress(one), style="dim", markup=False)


def _end(done: bool, json: bool) -> None:
    if json:
        print_json({"done": done})
    elif done:
        out.print("All of it is under the new key, and the old one is gone.")
    else:
        out.print(
            "All of it is under the new key. The old one stays for a minute: then `weft keys resume`, or a server."
        )
