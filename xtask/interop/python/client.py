"""A client made with LIBRARY: converses with the echo server at URL, closes in several ways, prints `ok`."""

import argparse
import asyncio
import contextlib

import aiohttp
import websockets.asyncio.client
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

import exchange


class Websockets:
    @staticmethod
    @contextlib.asynccontextmanager
    async def opened(url, deflate):
        extensions = None
        if deflate is not None:
            extensions = [ClientPerMessageDeflateFactory(**deflate)]
        settings = dict(extensions=extensions, compression=None, max_size=None, proxy=None)
        async with websockets.asyncio.client.connect(url, **settings) as connection:
            yield Websockets(connection)

    def __init__(self, connection):
        self.connection = connection
        self.send = connection.send
        self.receive = connection.recv
        self.close = connection.close

    def extensions(self):
        return self.connection.response.headers.get("Sec-WebSocket-Extensions")

    async def ping(self, payload):
        await (await self.connection.ping(payload))

    async def send_fragments(self, parts):
        await self.connection.send(parts)

    async def send_bad_text(self):
        await self.connection.send(b"\xff", text=True)

    async def end(self):
        await self.connection.wait_closed()
        return self.connection.close_code


class Aiohttp:
    # It has no way to send a message in fragments.
    send_fragments = None

    @staticmethod
    @contextlib.asynccontextmanager
    async def opened(url, deflate):
        # All it offers is the size of the client's window.
        compress = 0 if deflate is None else deflate.get("client_max_window_bits", 15)
        async with aiohttp.ClientSession() as session:
            settings = dict(compress=compress, max_msg_size=0, autoping=False)
            async with session.ws_connect(url, **settings) as connection:
                yield Aiohttp(connection)

    def __init__(self, connection):
        self.connection = connection

    def extensions(self):
        return self.connection._response.headers.get("Sec-WebSocket-Extensions")

    async def send(self, message):
        if isinstance(message, str):
            await self.connection.send_str(message)
        else:
            await self.connection.send_bytes(message)

    async def receive(self):
        message = await self.connection.receive()
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        return message.data

    async def ping(self, payload):
        await self.connection.ping(payload)
        message = await self.connection.receive()
        assert message.type == aiohttp.WSMsgType.PONG and message.data == payload, message

    async def send_bad_text(self):
        await self.connection.send_frame(b"\xff", aiohttp.WSMsgType.TEXT)

    async def close(self, code, reason):
        await self.connection.close(code=code, message=reason.encode())

    async def end(self):
        if not self.connection.closed:
            message = await self.connection.receive()
            assert message.type == aiohttp.WSMsgType.CLOSE, message
        return self.connection.close_code


LIBRARIES = {"websockets": Websockets, "aiohttp": Aiohttp}


async def converse(peer, args):
    messages = [*exchange.SAMPLES, *exchange.seeded(args.seed, args.messages, args.longest)]

    async def send():
        for message in messages:
            await peer.send(message)

    sending = asyncio.create_task(send())
    for number, message in enumerate(messages):
        echo = await peer.receive()
        assert echo == message, f"message {number}: sent {message[:40]!r}, got {echo[:40]!r}"
    await sending

    if peer.send_fragments:
        await peer.send_fragments(["one ", "message ", "in fragments"])
        assert await peer.receive() == "one message in fragments"
    await peer.ping(b"are you there")


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("url")
    parser.add_argument("--deflate", metavar="PARAMETERS", type=exchange.deflate, help="offer it")
    parser.add_argument("--negotiated", default="", help="words that the agreed extensions hold")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--longest", type=int, default=2**16)
    parser.add_argument("--limited", metavar="URL", help="a server that takes messages of up to LIMIT bytes")
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    opened = LIBRARIES[args.library].opened

    async with opened(args.url, args.deflate) as peer:
        negotiated = peer.extensions() or ""
        wanted = args.negotiated.split()
        assert bool(negotiated) == bool(wanted) and all(word in negotiated for word in wanted), negotiated
        await converse(peer, args)
        await peer.close(1000, "done")
        assert await peer.end() == 1000

    async with opened(args.url, args.deflate) as peer:
        await peer.close(4999, "Grüße")
        code = await peer.end()
        assert code == 4999, code

    async with opened(args.url, args.deflate) as peer:
        await peer.send_bad_text()
        code = await peer.end()
        assert code == 1007, code

    if args.limited:
        async with opened(args.limited, args.deflate) as peer:
            await peer.send(bytes(args.limit))
            assert await peer.receive() == bytes(args.limit)
            await peer.send(bytes(args.limit + 1))
            code = await peer.end()
            assert code == 1009, code


asyncio.run(main())
print("ok")
