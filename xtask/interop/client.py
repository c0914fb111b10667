"""A client made with `websockets`: exchanges messages with the echo server at URL, closes, prints `ok`."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main(url):
    async with connect(url, max_size=None, proxy=None) as connection:
        for message in ["hi", "", "Grüße, 世界 🪢", b"", bytes(range(256)), "x" * 2**20, bytes(2**20)]:
            await connection.send(message)
            echo = await connection.recv()
            assert echo == message, f"sent {message[:40]!r}, got {echo[:40]!r}"

        await connection.send(["one ", "message ", "in fragments"])
        assert await connection.recv() == "one message in fragments"

        await (await connection.ping())

        await connection.close(1000, "done")
    assert connection.close_code == 1000, connection.close_code


asyncio.run(main(sys.argv[1]))
print("ok")
