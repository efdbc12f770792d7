"""A process that erases a user and is killed in the midst of it: ``child STORE USER FILES begun|thread|files|rows``."""

import asyncio
import os
import signal
import sys
from typing import Any

from weft import App
from weft.storage.belonging_rows import Erasure


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying(App):
    """Dies where it is told to."""

    when = ""

    async def _through(self, left: Any, told: Any, files: Any) -> Any:
        if self.when == "begun":
            die()
        return await super()._through(left, told, files)

    async def _swept(self, files: Any) -> None:
        if self.when == "files":
            die()
        await super()._swept(files)


async def main(store: str, user: str, files: str, when: str) -> None:
    def told(erasure: Erasure) -> None:
        if when == "thread":
            die()

    app = Dying(store=store)
    app.when = when
    async with app:
        if when == "rows":

            async def end(erasure: Erasure) -> None:
                die()

            app.store.belongings.end = end  # the last thing that it does
        await app.erase_user(user, told=told, files=[files])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
