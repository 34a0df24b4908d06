"""Damage to bytes: cut, flipped, repeated, swapped, and headers that say what is not so."""

from __future__ import annotations

import struct
from random import Random

WORDS = (
    *(
        b"nan",
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"9" * 5000,
        b"0x10",
        b"1_000",
        b"\x1b[31m",
        b"\x00",
        b"\xff\xfe",
        b"\r",
    ),
    *(
        b"\xe2\x80\xae",
        b"\xc2\x9b31m",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"%",
        b"#",
        b'"',
        b"'''",
        b'"""',
        b",,",
    ),
    *(
        b"[[",
        b"]]",
        b"{",
        b"}",
        b"[" * 1500,
        b'{"a":' * 1500,
        b"true",
        b"null",
        b"1+2j",
        b"\xe2\x88\x92",
        b"- ",
        b";",
    ),
    *(
        b"\\u0000",
        b"\\ud800",
        b"\\u001b[31m",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x93NUMPY",
        b"(-1,)",
        b"(1e3,)",
        b"|O",
    ),
    *(
        b"a." * 3000,
        b"os.system",
        b"../../x",
        b"2024-13-01",
        b"\n[[check]]\n",
        b"matrix = ",
        b"= ",
        b"[tool.gradcheck]",
    ),
)
NUMBERS = [0, 1, 2, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]
LONGEST = 2**17
"""Bytes to which a piece is repeated: what takes quadratic time or memory shows there."""


def damaged(content: bytes, random: Random) -> bytes:
    """The content after one to four damages of any kind."""
    for _ in range(random.choice((1, 1, 2, 4))):
        content = random.choice(_DAMAGES)(content, random)
    return content


def _place(content: bytes, random: Random) -> int:
    """Headers stand at the beginning, and those of archives at the end."""
    near = min(len(content), 256)
    return random.choice(
        (random.randint(0, len(content)), random.randint(0, near), len(content) - random.randint(0, near))
    )


def _cut(content: bytes, random: Random) -> bytes:
    return content[: _place(content, random)]


def _flipped(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 3))):
        if changed:
            changed[min(_place(content, random), len(changed) - 1)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _replaced(content: bytes, random: Random) -> bytes:
    at = _place(content, random)
    return (
        content[:at]
        + random.randbytes(random.choice((1, 2, 8)))
        + content[at + random.choice((0, 1, 2, 8)) :]
    )


def _numbered(content: bytes, random: Random) -> bytes:
    at, (form, size) = _place(content, random), random.choice((("H", 2), ("I", 4), ("Q", 8)))
    number = random.choice(NUMBERS) % 2 ** (8 * size)
    return content[:at] + struct.pack(random.choice("<>") + form, number) + content[at + size :]


def _worded(content: bytes, random: Random) -> bytes:
    at = _place(content, random)
    return content[:at] + random.choice(WORDS) + content[at + random.choice((0, 0, 1, 5)) :]


def _repeated(content: bytes, random: Random) -> bytes:
    start, end = sorted((_place(content, random), _place(content, random)))
    piece = content[start : random.choice((end, start + 1, start + 2))]
    times = random.choice((2, 10, 1000, LONGEST)) if random.random() < 0.2 else 2
    return content[:start] + piece * min(times, LONGEST // max(1, len(piece))) + content[end:]


def _removed(content: bytes, random: Random) -> bytes:
    start, end = sorted((_place(content, random), _place(content, random)))
    return content[:start] + content[end:]


_DAMAGES = (_cut, _flipped, _flipped, _replaced, _numbered, _worded, _worded, _repeated, _removed)
