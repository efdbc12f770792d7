"""The numbers of workspaces and users: each name is in the database once."""

from weft.storage import run_queries as q
from weft.storage.query import Steps


def owner_of(workspace: str, user: str) -> Steps[tuple[int, int]]:
    """The numbers of a workspace and of a user in it, which are made where they are new."""
    rows = yield q.WORKSPACE, {"workspace": workspace}
    if not rows:
        yield q.ADD_WORKSPACE, {"workspace": workspace}
        rows = yield q.WORKSPACE, {"workspace": workspace}
    n: int = rows[0][0]
    rows = yield q.OWNER, {"n": n, "user": user}
    if not rows:
        yield q.ADD_OWNER, {"n": n, "user": user}
        rows = yield q.OWNER, {"n": n, "user": user}
    return n, rows[0][0]
