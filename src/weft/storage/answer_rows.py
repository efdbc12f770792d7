"""What a store keeps of models' answers, to give them again: the port."""

from typing import Protocol


class Answers(Protocol):
    """Answers by the digest of what was asked. They are a workspace's; those of a deleted thread go with it."""

    async def find(self, workspace: str, digest: str) -> bytes | None:
        """The answer, if it is not too old."""
        ...

    async def keep(
        self, workspace: str, digest: str, body: bytes, *, ttl: float | None, user: str, thread_id: str
    ) -> None:
        """Put it in the place of an earlier one, for ``ttl`` seconds or for good; what is too old is thrown away."""
        ...
