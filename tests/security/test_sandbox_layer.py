"""A layer over a sandbox's folder: its size is the kernel's to hold, and what is in it comes back as it was seen."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.security.test_sandbox import MB, python
from weft.errors import SandboxUnavailable
from weft.security.sandbox import Caps, Sandbox, layer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxes need Linux")
BEFORE = """
mkdir -p kept/deep gone/deep swapped file.d; echo 1 > kept/deep/a; echo 2 > kept/b; echo 3 > gone/deep/c; echo 4 > d
echo 5 > swapped/e; echo 6 > old; ln -s kept link; ln -s nowhere dead; echo 7 > file.d/x; echo 8 > 'strange 💥
name'; printf 12345 > grows; chmod 600 d; mkdir empty
"""
CHANGES = {
    "nothing": "true",
    "new files and folders": "mkdir -p x/y/z; echo new > x/y/z/f; echo more > kept/deep/new; echo > .hidden",
    "other content": "echo other > kept/deep/a; printf 6 >> grows; : > d; echo ö > 'strange 💥\nname'",
    "removed": "rm -r gone d link dead empty; rm kept/b",
    "removed and made again": "rm -r gone swapped; mkdir gone swapped; echo new > gone/new; echo e > swapped/e",
    "a folder where a file was": "rm d; mkdir d; echo x > d/x; rm old; mkdir -p old/er/est",
    "a file where a folder was": "rm -r file.d gone; echo now > file.d; ln -s d gone",
    "a folder where a link was": "rm link dead; mkdir link dead; echo x > link/x",
    "moved": "mv d d2; mv kept/b b; mkdir new; mv old new/old; mv kept/deep elsewhere; mv gone kept/gone",
    "modes": "chmod 755 d; chmod 640 kept/b; chmod 700 kept; echo > run.sh; chmod +x run.sh",
    "links": "ln -s /etc/passwd p; ln -sf b link; ln kept/b twice; ln -s ../../x kept/deep/up",
    "everything": "rm -rf ./* ; echo only > this",
}


@pytest.fixture
async def folder() -> AsyncGenerator[Path]:
    """One that every user can reach, where layers work."""
    try:
        async with Sandbox(tier="bubblewrap") as box:
            works = box.bounded
    except SandboxUnavailable as error:
        works, _ = False, error
    if not works:
        able = os.getuid() == 0 and shutil.which("bwrap") and "overlay" in Path("/proc/filesystems").read_text()
        if os.environ.get("CI") == "true" and able:
            pytest.fail("bubblewrap and overlays are here, and no layer works")
        pytest.skip("no layers here")
    made = Path("/tmp") / f"weft-layer-{os.getpid()}"
    made.mkdir(mode=0o755)
    yield made
    shutil.rmtree(made)


def seen(folder: Path) -> dict[str, tuple[str, int, bytes]]:
    """All that is there: kind, mode, content."""
    found: dict[str, tuple[str, int, bytes]] = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        kind = "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "file"
        body = os.readlink(path).encode() if kind == "link" else path.read_bytes() if kind == "file" else b""
        found[str(path.relative_to(folder))] = (kind, stat.S_IMODE(mode), body)
    return found


def made(folder: Path, script: str) -> None:
    subprocess.run(["sh", "-c", script], cwd=folder, check=True, umask=0o022)


@pytest.mark.blocks
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_folder_is_as_if_the_program_had_run_in_it(change: str, folder: Path, tmp_path: Path) -> None:
    for place in (folder, tmp_path):
        made(place, BEFORE)
    made(tmp_path, change)
    before = {path: each for path, each in seen(folder).items() if each[0] == "file"}
    async with Sandbox(folder, tier="bubblewrap") as box:
        done = await box.run("sh", "-c", f"umask 022; {change}")
        assert done.ok, done
        assert box.bounded
    after = seen(tmp_path)
    assert seen(folder) == after
    new = {path for path, each in after.items() if each[0] == "file" and before.get(path, ("", 0, b""))[2] != each[2]}
    assert new <= set(done.files) <= {path for path, each in after.items() if each[0] == "file"}
    assert {path.lstat().st_uid for path in (folder, *folder.rglob("*"))} == {os.getuid()}


@pytest.mark.blocks
async def test_not_a_byte_more_however_fast(folder: Path) -> None:
    """Four processes at once, each in the way that is fastest."""
    code = """
import mmap, os, sys
ways, wrote = [], 0
for n in range(4):
    read, write = os.pipe()
    if os.fork() == 0:
        count = 0
        try:
            for k in range(200):
                file = os.open(f"{n}-{k}", os.O_RDWR | os.O_CREAT)
                if n % 2: os.posix_fallocate(file, 0, 1_000_000)
                else: os.write(file, bytes(1_000_000))
                count += os.fstat(file).st_blocks * 512
                os.close(file)
        except OSError as error: os.write(2, f"{error.errno} ".encode())
        os.write(write, b"%d" % count)
        os._exit(0)
    ways.append(read)
    os.close(write)
print(sum(int(os.read(each, 20)) for each in ways))
"""
    (folder / "before").write_bytes(bytes(MB))
    async with Sandbox(folder, tier="bubblewrap", caps=Caps(seconds=60, disk=10 * MB)) as box:
        done = await python(box, code)
        if done.stdout:  # else it was seen to be full first
            assert 8 * MB < int(done.stdout) <= 10 * MB + layer.ROOM, done
            assert done.stderr.split() == [b"28"] * 4
        if done.stopped is None:  # who asked for the last of it at once kept others out, and got nothing
            assert int(done.stdout) <= 10 * MB
            assert sum((folder / name).stat().st_blocks for name in done.files) * 512 <= 10 * MB
        else:
            assert (done.stopped, done.files) == ("disk", ())
        assert sorted(os.listdir(folder)) == sorted(["before", *done.files])
        assert (await box.run("cat", "before")).stdout == bytes(MB)


@pytest.mark.blocks
async def test_files_that_are_larger_than_what_is_in_them(folder: Path) -> None:
    code = """
import os
for n in range(50):
    with open(f"hole{n}", "wb") as file:
        file.truncate(9_000_000)
        file.seek(4_500_000)
        file.write(b"here")
"""
    async with Sandbox(folder, tier="bubblewrap", caps=Caps(seconds=60, disk=10 * MB)) as box:
        done = await python(box, code)
        assert (done.ok, len(done.files)) == (True, 50), done
        assert sum(path.stat().st_blocks for path in folder.iterdir()) * 512 < 2 * MB
        content = (folder / "hole7").read_bytes()
        assert (len(content), content[4_500_000:4_500_004], content.strip(b"\0")) == (9_000_000, b"here", b"here")
        many = await box.run("sh", "-c", "head -c 4000000 /dev/urandom > a; for n in 1 2 3; do ln a b$n; done")
        assert (many.stopped, os.path.exists(folder / "a")) == ("disk", False), "each name would be a file"


@pytest.mark.blocks
async def test_no_device_no_right_and_no_pipe_comes_back(folder: Path) -> None:
    async with Sandbox(folder, tier="bubblewrap") as box:
        script = "mkfifo pipe; echo x > s; chmod 7777 s; mkdir d; echo y > d/y; chmod 000 s d; mknod c c 0 0; echo end"
        assert (await box.run("sh", "-c", script)).stdout == b"end\n"
        assert sorted(os.listdir(folder)) == ["d", "s"]
        assert [stat.S_IMODE(os.stat(folder / each).st_mode) for each in ("s", "d")] == [0o600, 0o700]
        assert (await box.run("cat", "d/y")).stdout == b"y\n"


@pytest.mark.blocks
async def test_who_is_cancelled_leaves_no_trace(folder: Path) -> None:
    (folder / "a").write_text("before")
    async with Sandbox(folder, tier="bubblewrap") as box:
        running = asyncio.create_task(box.run("sh", "-c", "echo after > a; echo new > b; sleep 600"))
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert seen(folder) == {"a": ("file", 0o644, b"before")}


@pytest.mark.blocks
@pytest.mark.parametrize("script", ["exit 1", "cd /nowhere", ""], ids=str)
async def test_where_no_layer_can_be_the_folder_is_watched(
    script: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox(folder, tier="bubblewrap", caps=Caps(disk=5 * MB)) as box:
        monkeypatch.setattr(layer, "SCRIPT", script)
        assert (await box.run("sh", "-c", "echo x > y")).files == ("y",)
        assert not box.bounded
        assert b"not supported" in (await box.run("fallocate", "-l", "1M", "z")).stderr, (
            "as much as is written, no more"
        )
        done = await python(box, "import os\nfor n in range(3): os.posix_fallocate(os.open(str(n), 66), 0, 4_000_000)")
        assert done.stopped == "disk"
        assert sorted(os.listdir(folder)) in (["y"], ["y", "z"])
