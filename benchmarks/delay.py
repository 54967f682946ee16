"""A proxy on this machine that holds back every byte for a while, in both directions, like a far-away server.

`python -m benchmarks.delay TARGET-PORT SECONDS` prints its own port and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

#: What one direction may have under way, in chunks, before it stops reading: the window of a long pipe.
_UNDER_WAY = 512


async def serve(target: int, seconds: float) -> None:
    """Forward connections to *target*, every byte *seconds* late each way."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_forward(reader, there_writer, seconds), _forward(there_reader, writer, seconds))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # there is nothing to save, and nobody to wait for


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY)
    clock = asyncio.get_running_loop().time

    async def write() -> None:
        data = b"more"
        with suppress(OSError):
            while data:
                due, data = await queue.get()
                await asyncio.sleep(due - clock())
                writer.write(data)
                await writer.drain()
        writer.close()

    writing = asyncio.create_task(write())
    data = b"more"
    while data:
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        await queue.put((clock() + seconds, data))
    await writing


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
