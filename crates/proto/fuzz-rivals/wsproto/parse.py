"""Parses streams of frames with wsproto. A line holds the role and the bytes; the answer is a line with what came."""

import sys

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

ROLES = {"server": ConnectionType.SERVER, "client": ConnectionType.CLIENT}


def parse(role, wire):
    connection = Connection(ROLES[role])
    connection.receive_data(wire)
    words = []
    parts = []
    for event in connection.events():
        match event:
            case TextMessage() | BytesMessage():
                parts.append(event.data)
                if not event.message_finished:
                    continue
                if isinstance(event, TextMessage):
                    words.append("text:" + "".join(parts).encode().hex())
                else:
                    words.append("binary:" + b"".join(parts).hex())
                parts = []
            case CloseConnection():
                # A violation is told in the same way, but leaves the connection open.
                end = "failed" if connection.state is ConnectionState.OPEN else "closed"
                # 1005 stands for no code.
                code = "" if event.code == 1005 else str(int(event.code))
                return [*words, f"{end}:{code}"]
    return [*words, "open:"]


for line in sys.stdin:
    role, _, wire = line.rstrip("\n").partition(" ")
    print(*parse(role, bytes.fromhex(wire)), flush=True)
