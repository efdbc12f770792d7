"""A sandbox's folder, filled where nobody looks; and what is left of it."""
# ruff: noqa: F811 - fixtures are arguments

import asyncio
import os
from pathlib import Path

import pytest

from tests.security.test_sandbox import MB, pytestmark, python, tier  # noqa: F401  # pytest finds them by name
from weft.security.sandbox import Caps, Sandbox
from weft.security.sandbox import folder as contents
from weft.security.sandbox.walls import Tier
from weft.security.sandbox.watch import Disk

FILLED = {
    "files without a name": """
import os, time
for n in range(12):
    file = os.open(f'y{n}', os.O_RDWR | os.O_CREAT)
    os.unlink(f'y{n}')
    for _ in range(15): os.write(file, bytes(1_000_000))
time.sleep(5)
""",
    "the same, mapped": """
import mmap, os, time
kept = []
for n in range(12):
    file = os.open(f'y{n}', os.O_RDWR | os.O_CREAT)
    os.unlink(f'y{n}')
    os.truncate(file, 15_000_000)
    kept.append(mmap.mmap(file, 15_000_000))
    kept[-1][:] = bytes(15_000_000)
    os.close(file)
time.sleep(5)
""",
    "folders that are too deep to look into": """
import os, time
for n in range(30):
    os.mkdir('d' * 200)
    os.chdir('d' * 200)
for n in range(12): open(f'y{n}', 'wb').write(bytes(15_000_000))
time.sleep(5)
""",
    "more files than are looked at": """
import os
for folder in 'abc':
    os.mkdir(folder)
    for n in range(400): open(f'{folder}/{n}', 'w').close()
""",
}


@pytest.mark.blocks
@pytest.mark.parametrize("code", FILLED.values(), ids=FILLED)
async def test_a_disk_that_is_filled_where_nobody_looks(tier: Tier, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MANY", 1_000)
    caps = Caps(seconds=60, memory=600 * MB, disk=60 * MB, processes=24)
    async with Sandbox(tier=tier, caps=caps) as box:
        done = await python(box, code)
        assert done.stopped == "disk" or (box.bounded and done.exit != 0), done
        assert (await box.run("true")).ok
        assert sum(len(files) for _, _, files in os.walk(box.folder)) == 0


@pytest.mark.blocks
async def test_what_was_there_before_is_not_taken_back(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MANY", 1_000)
    async with Sandbox(tier=tier, caps=Caps(seconds=60, disk=5 * MB)) as box:
        await asyncio.to_thread(lambda: [Path(box.folder, str(n)).touch() for n in range(1_100)])
        code = "import itertools\nfor n in itertools.count(): open(f'y{n}', 'wb').write(b'x' * 1_000_000)"
        assert (await python(box, code)).stopped == "disk"
        assert len(os.listdir(box.folder)) == 1_100


@pytest.mark.blocks
async def test_folders_in_folders_are_removed_however_many(tier: Tier, tmp_path: Path) -> None:
    async with Sandbox(tier=tier) as box:
        folder = box.folder
        code = "import os\nfor n in range(300): os.mkdir('a' * 10); os.chdir('a' * 10)\nos.chmod('.', 0)"
        assert (await python(box, code)).ok
        async with Sandbox(folder, tier=tier) as again:
            assert (await again.run("true")).ok
    assert not os.path.exists(folder)


@pytest.mark.blocks
def test_the_less_is_left_the_sooner_it_is_looked_again(tmp_path: Path) -> None:
    """A program writes gigabytes in a second: a tenth of a second is too long where 50 MB are left."""
    disk = Disk(str(tmp_path), 50 * MB)
    assert not disk.full()
    assert disk.pause() < 0.05
    before = disk.pause()
    (tmp_path / "half").write_bytes(bytes(40 * MB))
    os.sync()
    assert disk.grows()
    assert not disk.full()
    assert disk.pause() < before / 2
