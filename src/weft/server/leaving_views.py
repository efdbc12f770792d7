"""What was erased, and what is still being erased, as the API shows it."""

from msgspec import Struct

from weft.agents.leaving import Cleared
from weft.storage.belonging_rows import Erasure


class Erasures(Struct, frozen=True):
    """Those that have begun and not ended."""

    items: list[Erasure]


LEAVING_VIEWS = (Cleared, Erasures)
