"""The numbers of workspaces and users: each name is in the database once."""

from weft.storage import run_queries as q
from weft.storage.query import Steps


def owner_of(workspace: str, user: str) -> Steps[tuple[int, int]]:
    """The numbers of a workspace and of a user in it, which are made where they are new."""
    names = {"workspace": workspace, "user": user}
    rows = yield q.OWNER, names
    if not rows:
        yield q.ADD_WORKSPACE, {"workspace": workspace}
        rows = yield q.OWNER, names
    n, owner = rows[0]
    if owner is None:
        yield q.ADD_OWNER, {"n": n, "user": user}
        owner = (yield q.OWNER, names)[0][1]
    return n, owner
