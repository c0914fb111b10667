"""websockets on asyncio, for scale: `python.py ADDR [--deflate]` prints the address it listens on, and echoes for ever."""

import asyncio
import sys

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    settings = dict(max_size=None, ping_interval=None)
    settings["compression"] = "deflate" if "--deflate" in sys.argv else None
    async with serve(echo, host, int(port), **settings) as server:
        host, port = server.sockets[0].getsockname()
        print(f"listening on {host}:{port}", flush=True)
        await server.serve_forever()


asyncio.run(main())
