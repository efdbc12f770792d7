"""A context for tools, as those in tests of tools have it."""

from tests.tools.conftest import ctx, host

__all__ = ["ctx", "host"]
