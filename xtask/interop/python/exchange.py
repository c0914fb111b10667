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
