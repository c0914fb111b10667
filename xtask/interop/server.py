"""An echo server made with `websockets`: prints its address, then `closed CODE` for each connection."""

import asyncio

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)
    await connection.wait_closed()
    print("closed", connection.close_code)


async def main():
    async with serve(echo, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        print(f"listening on ws://{host}:{port}")
        await server.serve_forever()


asyncio.run(main())
