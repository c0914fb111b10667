"""What the python peers share: the messages they exchange, and the parameters of permessage-deflate."""

import math
import random

SAMPLES = ["hi", "", "Grüße, 世界 🪢", b"", bytes(range(256)), "x" * 2**20, bytes(2**20)]


def seeded(seed, count, longest):
    """Texts and bytes of up to `longest` bytes, most of them short; some compress well and some don't."""
    chance = random.Random(seed)
    for _ in range(count):
        size = int(2 ** chance.uniform(0, math.log2(longest + 1))) - 1
        match chance.randrange(4):
            case 0:
                yield "".join(chance.choices("abcdefgh", k=size))
            case 1:
                yield "".join(chance.choices("aß世🪢", k=size // 4))
            case 2:
                yield chance.randbytes(size)
            case 3:
                yield (chance.randbytes(8) * (size // 8 + 1))[:size]


def deflate(parameters):
    """`"a=10 b"` as `{"a": 10, "b": True}`."""
    pairs = (parameter.partition("=") for parameter in parameters.split())
    return {name: int(value) if value else True for name, _, value in pairs}


def mixed(seed, count, longest):
    """Messages with a content and a length of many kinds: each content with each of the lengths that matter first, then
    with lengths of up to `longest` bytes, most of them short."""
    chance = random.Random(seed)
    record = '{{"id":{0},"name":"user {1}","tags":["a","b"],"score":{2},"active":true}},'
    numbers = iter(lambda: [chance.randrange(10**6) for _ in range(3)], None)
    contents = [
        "".join(record.format(*next(numbers)) for _ in range(longest // 40)),
        "".join(chance.choices("aß世🪢", k=longest)),
        chance.randbytes(2 * longest),
        bytes(2 * longest),
        "round and round, " * (longest // 8),
    ]
    lengths = [0, 1, 125, 126, 2**16 - 1, 2**16, longest]
    for number in range(count):
        content = contents[number % len(contents)]
        if number < len(contents) * len(lengths):
            length = lengths[number % len(lengths)]
        else:
            length = int(2 ** chance.uniform(0, math.log2(longest)))
        if isinstance(content, bytes):
            start = chance.randrange(len(content) - length + 1)
            yield content[start : start + length]
        else:
            start = chance.randrange(len(content) - min(length, len(content)) + 1)
            # A length is one in bytes; what is cut off with it is less than a character.
            yield content[start : start + length].encode()[:length].decode(errors="ignore")
