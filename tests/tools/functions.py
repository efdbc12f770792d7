"""Functions that tests add to a workspace by their names."""

from weft import tool
from weft.tools.sets import Fixed


def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


@tool(effect="once", approval=True)
def wipe(path: str) -> str:
    """Remove all."""
    return f"wiped {path}"


several = Fixed(double, wipe)
number = 7
