"""The store on a SQL database: the parts of the port, all on one ``Database``."""

from asyncio import Future
from collections.abc import Callable

from weft.storage.base import Commit
from weft.storage.budgets import SqlBudgets
from weft.storage.database import Database
from weft.storage.history import SqlHistory
from weft.storage.inbox import SqlInbox
from weft.storage.ledger import SqlLedger
from weft.storage.questions import SqlQuestions
from weft.storage.runs import SqlRuns, SqlWorkers
from weft.storage.sql_trails import SqlTrails
from weft.storage.threads import SqlBlobs, SqlThreads


class SqlStore:
    """``base.Store`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.runs = SqlRuns(database)
        self.threads = SqlThreads(database)
        self.history = SqlHistory(database)
        self.questions = SqlQuestions(database)
        self.workers = SqlWorkers(database)
        self.blobs = SqlBlobs(database)
        self.trails = SqlTrails(database)
        self.inbox = SqlInbox(database)
        self.ledger = SqlLedger(database)
        self.budgets = SqlBudgets(database)

    @property
    def url(self) -> str:
        return self._database.url

    def commit(self, commit: Commit) -> "Future[None]":
        return self._database.commit(commit)

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]:
        return self._database.listen(ring)

    async def close(self) -> None:
        """Write what is queued, and let go of the database."""
        await self._database.close()
