"""A sealed store keeps every promise of the port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.test_answers import *  # noqa: F403
from tests.contracts.test_blobs import *  # noqa: F403
from tests.contracts.test_chores import *  # noqa: F403
from tests.contracts.test_commits import *  # noqa: F403
from tests.contracts.test_feedback import *  # noqa: F403
from tests.contracts.test_history_port import *  # noqa: F403
from tests.contracts.test_items import *  # noqa: F403
from tests.contracts.test_knowledge import *  # noqa: F403
from tests.contracts.test_memories import *  # noqa: F403
from tests.contracts.test_questions import *  # noqa: F403
from tests.contracts.test_runs import *  # noqa: F403
from tests.contracts.test_threads import *  # noqa: F403
from weft.security.sealing import Sealer
from weft.storage import Store, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path}/weft.db?synchronous=NORMAL", master=Sealer(b"k" * 32))
    assert opened.keys.on
    yield opened
    await opened.close()
