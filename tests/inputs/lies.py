"""Files with headers, directories and configurations that say what is not so."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from random import Random
from typing import Any

from tests.inputs.damage import LONGEST, NUMBERS, damaged
from tests.inputs.reading import header_only, npy_bytes
from tests.inputs.seeds import ARRAY, PICKLE, archive, safetensors_bytes

DESCRS = [
    *(
        "<f8",
        ">f4",
        "<f2",
        "|b1",
        "<i8",
        ">u2",
        "|u1",
        "<c16",
        "<U7",
        "|S3",
        "|S0",
        "|V2",
        "|V0",
        "|V100",
        "|O",
        "<M8",
    ),
    *(
        "<M8[ns]",
        "<m8[D]",
        "f16",
        "<g2",
        "bfloat16",
        "float8_e4m3fn",
        "O8",
        "i4,f8",
        "(2,3)f4",
        "9999999999f4",
        "a",
        "",
    ),
    *("<f8\x1b[31m", "os.system", "<U2147483647", "S4294967296", "<i3", "x" * 5000, "V9223372036854775807"),
]
SHAPES = [
    *(
        "()",
        "(0,)",
        "(3,)",
        "(2, 3)",
        "(-1,)",
        "(10**12,)",
        "(1000000000000,)",
        f"({', '.join(['1'] * 65)})",
        "(2.0,)",
    ),
    *(
        f"({', '.join(['1'] * 64)})",
        "(True, 3)",
        "('a',)",
        "[2, 3]",
        "None",
        "(18446744073709551616, 0)",
        "(1" * 200,
    ),
    *(
        f"({'9' * 4000},)",
        "(0, 9223372036854775807, 9223372036854775807)",
        "3",
        "(3L, 2L)",
        "((1,),)",
        "(1_0,)",
    ),
]


def npy(random: Random) -> bytes:
    """A .npy file with a header of any promise, and some bytes."""
    descr = random.choice(DESCRS)
    content = header_only(random.choice(SHAPES), descr, random.randbytes(random.choice((0, 8, 24, 48, 100))))
    if random.random() < 0.3:
        wrong = random.choice((b"True ", b"1    ", b"None ", b"'C'  "))
        content = content.replace(b"False", wrong)
    if random.random() < 0.2:
        version = random.choice(((2, 0), (3, 0), (1, 1), (255, 255)))
        content = content[:6] + bytes(version) + content[8:]
    return content


def npz(random: Random) -> bytes:
    """An archive whose directory says other sizes, methods and flags than are so, of names of any kind."""
    names = (
        "a.npy",
        "../a.npy",
        "/etc/a.npy",
        "a\x1b[2J.npy",
        "\n.npy",
        ".npy",
        "a" * 30_000 + ".npy",
        "b",
        "a\\b.npy",
    )
    held = (npy_bytes(ARRAY), PICKLE, bytes(200_000), npy(random))
    members = {random.choice(names): random.choice(held) for _ in range(random.choice((1, 1, 2, 30)))}
    content = bytearray(archive(members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))))
    at = content.find(b"PK\x01\x02")
    # Flags, method, sizes, lengths, and where the member is, in the first entry of the directory.
    for offset, size in random.sample(
        ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)), 2
    ):
        if random.random() < 0.5:
            content[at + offset : at + offset + size] = (random.choice(NUMBERS) % 2 ** (8 * size)).to_bytes(
                size, "little"
            )
    return bytes(content)


def safetensors(random: Random) -> bytes:
    """A header that promises any dtype, shape and place of the data."""
    dtypes = ("F64", "F32", "BF16", "F8_E5M2", "BOOL", "I64", "U8", "C64", "X", "", "\x1b[31m")
    names = ("a", "__metadata__", "a\x1b[31m\n", "", "../a", "a" * 10_000)
    numbers = (0, 1, 2, 4, 16, 2**31, 2**40, 2**63, -1)
    entry = {
        "dtype": random.choice(dtypes),
        "shape": [random.choice(numbers) for _ in range(random.choice((0, 1, 2, 65)))],
        "data_offsets": [0, random.choice((0, 4, 8, 16, 2**40))],
    }
    content = safetensors_bytes({random.choice(names): entry}, random.randbytes(random.choice((0, 4, 8, 16))))
    if random.random() < 0.2:
        content = struct.pack("<Q", random.choice(NUMBERS)) + content[8:]
    return content


def json_text(random: Random) -> bytes:
    """Lists and objects that are deep, ragged, wide or hold other things than numbers."""
    leaves: tuple[Any, ...] = (
        1,
        2.5,
        -0.0,
        10**400,
        2**64,
        True,
        None,
        "a",
        "1.5",
        [],
        {},
        [1, 2],
        [[1], [2, 3]],
    )
    nested: Any = random.choice(leaves)
    for _ in range(random.choice((0, 1, 2, 40, 400))):
        key = random.choice(("a", "0", "\x1b[31m", "a/b", "", "a" * 300))
        nested = random.choice(
            (
                [nested],
                [nested, nested],
                [nested, random.choice(leaves)],
                {key: nested},
                {key: nested, "z": 1},
            )
        )
        if len(text := json.dumps(nested)) > LONGEST // 16:
            break
    else:
        text = json.dumps(nested)
    return text.encode()


def table(random: Random) -> bytes:
    """Rows of cells of any kind, joined by separators of any kind."""
    kinds = (
        "1",
        "2.5",
        "-3e5",
        "1,5",
        "1.234",
        "1,234",
        "",
        "NA",
        "a",
        '"a"',
        '"1',
        "5%",
        "1e400",
        "−1",
        "1|2",
        "\x1b[1m",
    )
    separator = random.choice((",", ";", "\t", " ", "  ", ", ", "|"))
    width, chosen = random.choice((1, 2, 3, 20)), random.sample(kinds, random.choice((1, 1, 2, 4)))
    rows = [
        separator.join(random.choice(chosen) for _ in range(width + (random.random() < 0.03)))
        for _ in range(random.choice((1, 2, 5, 50)))
    ]
    return random.choice(("\n", "\r\n", "\r")).join(rows).encode()


def model(whole: bytes, random: Random) -> bytes:
    """A model whose configuration, weights or members are not what Keras wrote."""
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    kind = random.choice(("config", "config", "config", "weights", "members", "bytes"))
    if kind == "config":
        config = json.loads(members["config.json"])
        for _ in range(random.choice((1, 1, 3))):
            _reconfigured(config, random)
        members["config.json"] = json.dumps(config).encode()
    elif kind == "bytes":
        name = random.choice(list(members))
        members[name] = damaged(members[name], random)
    elif kind == "weights":
        members["model.weights.h5"] = damaged(members["model.weights.h5"], random)
    else:
        members.pop(random.choice(list(members)))
        members[random.choice(("assets/../../evil", "/tmp/evil", "model.weights.npz", "a\x1b[31m"))] = bytes(
            50
        )
    return archive(members)


CONFIGS: tuple[Any, ...] = (
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}, "registered_name": "Popen"},
    {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
    {
        "module": "keras.src.utils.io_utils",
        "class_name": "function",
        "config": "print_msg",
        "registered_name": None,
    },
    {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "/tmp"},
        "registered_name": None,
    },
    {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    {"class_name": "__typespec__", "spec_name": "x", "module": "os", "registered_name": None, "config": []},
    {"class_name": "__tensor__", "config": {"value": [1e400], "dtype": "float32"}},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}},
    *(
        None,
        True,
        -1,
        0,
        2**40,
        1e400,
        "relu",
        "os.system",
        "\x1b[31m",
        "a" * 5000,
        [],
        {},
        [None, 3],
        [2**40, 2**40],
    ),
)


def _reconfigured(config: Any, random: Random) -> None:
    """Put something else in one place of a configuration."""
    while True:
        keys = list(config) if isinstance(config, dict) else range(len(config))
        key = random.choice(list(keys))
        if isinstance(config[key], dict | list) and config[key] and random.random() < 0.8:
            config = config[key]
            continue
        config[key] = random.choice(CONFIGS)
        return
