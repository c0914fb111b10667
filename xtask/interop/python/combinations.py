"""A client made with websockets: for each OFFER of permessage-deflate a connection to the echo server at URL.

Prints `agreed PARAMETERS` for each connection, the parameters as the library has them, and `same COUNT` once that many
messages have come back as they were sent.
"""

import argparse
import asyncio

import websockets.asyncio.client
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

import exchange

# How many messages may be on their way.
AHEAD = 64


def agreed(connection):
    """What the library makes of the answer, in the answer's words."""
    words = []
    for extension in connection.protocol.extensions:
        words.append(extension.name)
        words.append(f"server_max_window_bits={extension.remote_max_window_bits}")
        words.append(f"client_max_window_bits={extension.local_max_window_bits}")
        if extension.remote_no_context_takeover:
            words.append("server_no_context_takeover")
        if extension.local_no_context_takeover:
            words.append("client_no_context_takeover")
    return "; ".join(words)


async def converse(connection, messages):
    waiting = asyncio.Queue(AHEAD)

    async def send():
        for message in messages:
            await waiting.put(message)
            await connection.send(message)
        await waiting.put(None)

    count = 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send())
        while (message := await waiting.get()) is not None:
            echo = await connection.recv()
            assert echo == message, f"message {count}: sent {message[:40]!r}, got {echo[:40]!r}"
            count += 1
    return count


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("offers", metavar="OFFER", nargs="+")
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--longest", type=int, required=True)
    args = parser.parse_args()
    for seed, offer in enumerate(args.offers):
        extensions = [ClientPerMessageDeflateFactory(**exchange.deflate(offer))]
        settings = dict(extensions=extensions, compression=None, max_size=None, proxy=None)
        async with websockets.asyncio.client.connect(args.url, **settings) as connection:
            print("agreed", agreed(connection))
            print("same", await converse(connection, exchange.mixed(seed, args.messages, args.longest)))


asyncio.run(main())
