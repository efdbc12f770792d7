"""Run by an ordinary user: tries both kinds of walls, and prints what came of it as JSON."""

import asyncio
import json
import os
import sys

from weft.security.sandbox import Caps, Sandbox

SCRIPT = """
cat /etc/passwd | grep -c root:x:0:0:root; cat {mine} 2>/dev/null; chmod 777 {mine}; echo x > {mine}
kill -9 {victim}; kill -9 -1; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 2 & done
"""


async def main(tier: str, mine: str) -> None:
    victim = await asyncio.create_subprocess_exec("sleep", "30")
    async with Sandbox(tier="landlock" if tier == "landlock" else "bubblewrap", caps=Caps(processes=8)) as box:
        wrote = await box.run("sh", "-c", "echo hello > x; cat x")
        done = await box.run("sh", "-c", SCRIPT.format(mine=mine, victim=victim.pid))
    alive = victim.returncode is None
    if alive:
        victim.kill()
    await victim.wait()
    print(
        json.dumps(
            {
                "uid": os.getuid(),
                "wrote": wrote.text,
                "said": done.text,
                "files": wrote.files,
                "alive": alive,
                "bounded": box.bounded,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
