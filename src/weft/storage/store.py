"""The store on a SQL database: the parts of the port, all on one ``Database``."""

from asyncio import Future
from collections.abc import Callable

from weft.storage.answers import SqlAnswers
from weft.storage.audits import SqlAudit
from weft.storage.base import Commit
from weft.storage.blobs import SqlBlobs
from weft.storage.budgets import SqlBudgets
from weft.storage.chores import SqlChores
from weft.storage.database import Database
from weft.storage.erasures import SqlBelongings
from weft.storage.feedback import SqlFeedback
from weft.storage.history import SqlHistory
from weft.storage.inbox import SqlInbox
from weft.storage.indexing import SqlIndexing
from weft.storage.items import SqlItems
from weft.storage.knowledge import SqlDocuments
from weft.storage.ledger import SqlLedger
from weft.storage.memories import SqlMemories
from weft.storage.notes import SqlNotes
from weft.storage.outside import SqlOutside
from weft.storage.questions import SqlQuestions
from weft.storage.reports import SqlReports
from weft.storage.resealing import SqlKeys
from weft.storage.runs import SqlRuns, SqlWorkers
from weft.storage.secrets import SqlSecrets
from weft.storage.sql_trails import SqlTrails
from weft.storage.tables import policies, routers
from weft.storage.threads import SqlThreads
from weft.storage.toolbox import SqlToolbox
from weft.storage.versioned import SqlVersioned


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
        self.routers = SqlVersioned(database, routers, "router")
        self.reports = SqlReports(database)
        self.answers = SqlAnswers(database)
        self.policies = SqlVersioned(database, policies, "policy")
        self.audit = SqlAudit(database)
        self.memories = SqlMemories(database)
        self.chores = SqlChores(database)
        self.feedback = SqlFeedback(database)
        self.notes = SqlNotes(database)
        self.secrets = SqlSecrets(database)
        self.tools = SqlToolbox(database)
        self.documents = SqlDocuments(database)
        self.indexing = SqlIndexing(database)
        self.items = SqlItems(database)
        self.outside = SqlOutside(database)
        self.belongings = SqlBelongings(database)
        self.keys = SqlKeys(database)

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
