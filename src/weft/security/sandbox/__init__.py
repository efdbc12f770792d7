"""Programs that nobody trusts: a folder of their own, walls around them, and never silently nothing."""

from weft.security.sandbox.box import Sandbox
from weft.security.sandbox.caps import Caps, Done
from weft.security.sandbox.walls import Tier

__all__ = ["Caps", "Done", "Sandbox", "Tier"]
