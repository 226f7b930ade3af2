"""A target: listens on TCP ports and says nothing.

`python -m lab.scans.listener ADDRESS PORT...` says `ready` once it does.
"""

from __future__ import annotations

import asyncio
import sys


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _main(address: str, ports: list[str]) -> None:
    servers = [await asyncio.start_server(_hang_up, address, int(port)) for port in ports]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
