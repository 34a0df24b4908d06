"""Checks written as TOML by a writer that knows nothing of the reader: their arguments and their lines.

The writer draws how it writes each value, and knows the line of each key from its own count.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from gradcheck.cli import main
from gradcheck.cli.vocabulary import vocabulary
from gradcheck.suite.lines import lines_of
from gradcheck.suite.reading import read_suite
from tests.parameters import every, named

Value = TypeVar("Value")

SIGNS = "ab.:= #'\"\\[]{},é√\t"
FILES = ("x.npy", "a b.npz:w", "normal:2x3", "it's", 'a"b', "[1, 2]", "#5", "x = 3", "]]", "-")
NAMES = ("q", "params/W1", "a b", "x.y", 'a"b', "#", "é", "[k]")


@dataclass
class Writer:
    """Text of a TOML file that grows, and the line of each key."""

    random: Random
    lines: list[str] = field(default_factory=list)
    places: dict[tuple[str | int, ...], int] = field(default_factory=dict)

    def one(self, values: Sequence[Value]) -> Value:
        """One of several."""
        return self.random.choice(values)

    def noise(self) -> None:
        """Nothing, an empty line, or a comment that looks like something else."""
        self.lines += self.one([(), ("",), ('# seed = """',), ("  # [[check]] '''",)])

    def header(self, text: str, *path: str | int) -> None:
        """A header of tables."""
        self.noise()
        for end in range(1, len(path) + 1):
            self.places.setdefault(path[:end], len(self.lines) + 1)
        self.lines.append(self.one(["", "  "]) + text + self.one(["", " # a"]))

    def assign(self, path: tuple[str | int, ...], keys: tuple[str, ...], value: str) -> None:
        """`key.key = value`"""
        self.noise()
        for end in range(1, len(keys) + 1):
            self.places.setdefault((*path, *keys[:end]), len(self.lines) + 1)
        sign = self.one(["=", " = ", "\t=  "])
        whole = ".".join(map(self.key, keys)) + sign + value + self.one(["", " # ]}'"])
        self.lines += whole.split("\n")

    def key(self, key: str) -> str:
        """A key, bare where it can be."""
        bare = key.isascii() and key.replace("_", "").isalnum()
        return key if bare and self.one((True, False)) else self.quoted(key, lines=False)

    def quoted(self, text: str, lines: bool = True) -> str:
        """A string in one of four ways."""
        escaped = "".join(f"\\u{ord(sign):04x}" if sign in '"\\\t' else sign for sign in text)
        ways = [f'"{escaped}"', json.dumps(text)]
        if "'" not in text:
            ways.append(f"'{text}'")
        if lines:
            ways += [
                f'"""\n{escaped}"""',
                f'"""\\\n   \\\n {escaped}"""' if text[:1] != " " else f'"{escaped}"',
            ]
            if "'''" not in text and not text.endswith("'"):
                ways.append(f"'''{text}'''")
        return self.one(ways)

    def array(self, values: list[str]) -> str:
        """An array, on one line or on several with comments."""
        if self.one((True, False)):
            return f"[{', '.join(values)}]"
        return "[ # [\n" + ",\n".join(f"  {value}" for value in values) + "\n]"

    def tensor(self, value: Any) -> str:
        """Nested arrays of numbers."""
        return self.array([self.tensor(part) for part in value]) if isinstance(value, list) else repr(value)

    @property
    def text(self) -> str:
        """All so far."""
        return "\n".join(self.lines) + "\n"


def number(random: Random) -> int | float:
    """An integer of any size, or a number of any exponent."""
    if random.random() < 0.5:
        return random.randint(-(10 ** random.randint(1, 20)), 10**5)
    return random.uniform(-1, 1) * 10.0 ** random.randint(-300, 300)


def option(writer: Writer, name: str) -> tuple[str, list[str]]:
    """The TOML of a value of one option, and the texts that it should become."""
    random = writer.random
    match name:
        case "pool_size" | "seed" | "strides":
            whole = random.randint(1, 99)
            return writer.one([str(whole), hex(whole), f"0b{whole:b}", f"+{whole}"]), [str(whole)]
        case "rtol":
            share = random.random() * 10.0 ** -random.randint(0, 9)
            return repr(share), [repr(share)]
        case "padding" | "x":
            made = "".join(random.choices(SIGNS, k=random.randint(1, 6))).strip()
            text = writer.one(["same", "valid"] if name == "padding" else [*FILES, made or "a"])
            return writer.quoted(text), [text]
        case "execution":
            words = random.choices(["eager", "graph", "xla"], k=random.randint(0, 3))
            return writer.array([writer.quoted(word) for word in words]), words
        case _:
            tensor = [
                [number(random) for _ in range(random.randint(1, 3))] for _ in range(random.randint(1, 3))
            ]
            rows = [f"[{', '.join(map(repr, row))}]" for row in tensor]
            return writer.tensor(tensor), [f"[{', '.join(rows)}]"]


def write_check(writer: Writer, number: int) -> list[str]:
    """Write a [[check]], and say what its arguments are."""
    path = ("check", number)
    writer.header("[[check]]", *path)
    pooling = writer.one((True, False))
    target = ("layer", "maxpool1d") if pooling else ("function", "a:f")
    writer.assign(path, target[:1], writer.quoted(target[1]))
    writer.assign(path, ("name",), writer.quoted(f"check {number}"))
    arguments = ["maxpool1d"] if pooling else ["function", "a:f"]
    names = [
        "seed",
        "rtol",
        "execution",
        "upstream",
        *(["pool_size", "strides", "padding"] if pooling else []),
    ]
    for name in [
        *(["x"] if pooling else []),
        *writer.random.sample(names, writer.random.randint(0, len(names))),
    ]:
        value, texts = option(writer, name)
        writer.assign(path, (name,), value)
        arguments += [part for text in texts for part in (f"--{name.replace('_', '-')}", text)]
    strict = writer.one([None, True, False])
    if strict is not None:
        writer.assign(path, ("strict",), str(strict).lower())
        arguments += ["--strict"] if strict else []
    return arguments if pooling else arguments + write_tensors(writer, path)


def write_tensors(writer: Writer, path: tuple[str | int, ...]) -> list[str]:
    """Write `args` as a table of its own, with dots, or within braces."""
    tensors = {}
    for name in writer.random.sample(NAMES, writer.random.randint(1, 4)):
        value, (text,) = option(writer, writer.one(["x", "tensor"]))
        tensors[name] = (value, text)
    match writer.one(["table", "dots", "braces"]):
        case "table":
            writer.header("[ check . args ]", "check")
            writer.places.setdefault((*path, "args"), len(writer.lines))
            for name, (value, _) in tensors.items():
                writer.assign((*path, "args"), (name,), value)
        case "dots":
            for name, (value, _) in tensors.items():
                writer.assign(path, ("args", name), value)
        case _:
            inside = [f"{writer.key(name)} = {value}" for name, (value, _) in tensors.items()]
            writer.assign(path, ("args",), "{" + ", ".join(inside) + "}")
    return [part for name, (_, text) in tensors.items() for part in ("--arg", f"{name}={text}")]


@pytest.mark.parametrize("seed", named(range(200), str, every(8)))
def test_what_is_written_is_read_with_its_lines(seed: int, tmp_path: Path) -> None:
    writer = Writer(Random(seed))
    expected = [write_check(writer, number) for number in range(writer.random.randint(1, 4))]
    file = tmp_path / "gradcheck.toml"
    file.write_text(writer.text, encoding="utf-8")

    suite = read_suite(file, vocabulary())

    assert [list(job.arguments) for job in suite.jobs] == expected, writer.text
    found = lines_of(writer.text)
    assert {path: found[path] for path in writer.places} == writer.places, writer.text
    for job in suite.jobs:
        # What Click makes of the arguments.
        params = main.commands[job.arguments[0]].make_context(job.name, [*job.arguments[1:]]).params
        tensors = dict(
            text.partition("=")[::2] for before, text in pairwise(job.arguments) if before == "--arg"
        )
        assert params.get("arg", {}) == tensors
        assert params.get("x") == (job.arguments[2] if job.arguments[0] == "maxpool1d" else None)
