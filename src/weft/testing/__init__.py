"""What tests of agents need: models that cost nothing, cassettes, chaos, and (for pytest) fixtures and a guard.

>>> from weft.testing import Scripted
>>> Scripted(["Hello"]).name
'scripted'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.models.demo import Demo as Demo
    from weft.models.replay import Replay as Replay
    from weft.models.scripted import Scripted as Scripted
    from weft.models.scripted import call as call
    from weft.models.tape import live_calls as live_calls
    from weft.models.tape import no_live_calls as no_live_calls
    from weft.models.tape import tape as tape
    from weft.testing.chaos import Chaos as Chaos

_ROOMS = {
    "Chaos": "weft.testing.chaos",
    "Demo": "weft.models.demo",
    "Replay": "weft.models.replay",
    "Scripted": "weft.models.scripted",
    "call": "weft.models.scripted",
    "live_calls": "weft.models.tape",
    "no_live_calls": "weft.models.tape",
    "tape": "weft.models.tape",
}

__all__ = sorted(_ROOMS)  # pyright: ignore[reportUnsupportedDunderAll]  # the table above is the one list


def __getattr__(name: str) -> Any:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'weft.testing' has no attribute {name!r}")
    return getattr(import_module(room), name)
