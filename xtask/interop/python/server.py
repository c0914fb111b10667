"""A server made with LIBRARY.

/close/CODE/REASON closes at once, /ping pings and sends a text once it has the pong, all else echoes. Prints its
address, then for each connection `opened EXTENSIONS` and `closed CODE`. With several `--deflate`, it is as many servers.
With a certificate and its key it speaks TLS.
"""

import argparse
import asyncio
import contextlib
import ssl

import aiohttp.web
import websockets.asyncio.server
import websockets.exceptions
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

import exchange


async def serve_websockets(deflate, encryption):
    async def talk(connection):
        print("opened", connection.response.headers.get("Sec-WebSocket-Extensions", ""))
        match connection.request.path.split("/")[1:]:
            case ["close", code, reason]:
                await connection.close(int(code), reason)
            case ["ping"]:
                await (await connection.ping(b"are you there"))
                await connection.send("the pong came")
        # An end with another code than 1000 is an exception here, and none to us.
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            async for message in connection:
                await connection.send(message)
        await connection.wait_closed()
        print("closed", connection.close_code)

    extensions = None
    if deflate is not None:
        extensions = [ServerPerMessageDeflateFactory(**deflate)]
    settings = dict(extensions=extensions, compression=None, max_size=None, ssl=encryption)
    server = await websockets.asyncio.server.serve(talk, "127.0.0.1", 0, **settings)
    return server.sockets[0].getsockname()


async def serve_aiohttp(deflate, encryption):
    async def talk(request):
        # It agrees to what is offered or to nothing.
        settings = dict(compress=deflate is not None, max_msg_size=0, autoping=False)
        connection = aiohttp.web.WebSocketResponse(**settings)
        await connection.prepare(request)
        print("opened", connection.headers.get("Sec-WebSocket-Extensions", ""))
        match request.path.split("/")[1:]:
            case ["close", code, reason]:
                await connection.close(code=int(code), message=reason.encode())
            case ["ping"]:
                await connection.ping(b"are you there")
        async for message in connection:
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    await connection.send_str(message.data)
                case aiohttp.WSMsgType.BINARY:
                    await connection.send_bytes(message.data)
                case aiohttp.WSMsgType.PONG:
                    assert message.data == b"are you there", message
                    await connection.send_str("the pong came")
        print("closed", connection.close_code)
        return connection

    application = aiohttp.web.Application()
    application.router.add_get("/{path:.*}", talk)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=encryption)
    await site.start()
    return runner.addresses[0]


LIBRARIES = {"websockets": serve_websockets, "aiohttp": serve_aiohttp}


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument(
        "--deflate", metavar="PARAMETERS", type=exchange.deflate, action="append", help="agree to it"
    )
    parser.add_argument("--certificate", metavar="FILE")
    parser.add_argument("--key", metavar="FILE")
    args = parser.parse_args()
    encryption = None
    if args.certificate:
        encryption = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        encryption.load_cert_chain(args.certificate, args.key)
    scheme = "wss" if encryption else "ws"
    for deflate in args.deflate or [None]:
        host, port = await LIBRARIES[args.library](deflate, encryption)
        print(f"listening on {scheme}://{host}:{port}")
    await asyncio.Event().wait()


asyncio.run(main())
