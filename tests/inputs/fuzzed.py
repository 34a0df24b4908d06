"""Kinds of input: how a damaged or lying one is made from a number, and what reads it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from gradcheck.cli.vocabulary import vocabulary
from gradcheck.inputs import matlab
from gradcheck.inputs.tensor import read_tensor
from gradcheck.suite.reading import read_suite
from tests.inputs import lies, seeds
from tests.inputs.damage import damaged
from tests.inputs.watched import Watch, wrong

Made = Callable[[Random], bytes]
LIES: dict[str, tuple[Made, ...]] = {
    ".npy": (lies.npy,),
    ".npz": (lies.npz,),
    ".safetensors": (lies.safetensors,),
    ".json": (lies.json_text,),
    **dict.fromkeys((".csv", ".tsv", ".txt"), (lies.table,)),
}
NAMES = ("normal:2x3", "[[1,2],[3,4.5]]", "uniform:2x1", "x.npz:a", "~root", "./x", "-:a", "1e3", "true", " ")


@dataclass(frozen=True)
class Kind:
    """A kind of input."""

    name: str
    suffix: str
    whole: Callable[[], list[bytes]]
    """Valid ones, which are damaged."""
    lying: tuple[Made, ...]
    read: Callable[[Path], object]
    allowed: tuple[str, ...] = ()
    """Beginnings of the events that reading it needs."""

    def example(self, seed: int, number: int) -> bytes:
        """The same bytes for the same numbers."""
        random = Random(f"{seed} {self.name} {number}")
        if self.lying and random.random() < 0.4:
            return random.choice(self.lying)(random)
        return damaged(random.choice(self.whole()), random)

    def found(self, seed: int, numbers: range, watch: Watch) -> Iterator[tuple[int, str]]:
        """The numbers of the examples that break a promise, each with how."""
        watch.allowed = self.allowed
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            path = Path(folder, f"x{self.suffix}")
            for number in numbers:
                path.write_bytes(self.example(seed, number))
                if (told := wrong(partial(self.read, path), watch)) is not None:
                    yield number, told


def kinds() -> list[Kind]:
    """All kinds."""
    tensors = seeds.tensors()
    forking = ("os.fork", "open (", "tempfile.")
    found = [
        Kind(
            suffix[1:],
            suffix,
            partial(tensors.__getitem__, suffix),
            LIES.get(suffix, ()),
            _tensor,
            forking if suffix == ".mat" else (),
        )
        for suffix in tensors
    ]
    every = [whole for suffix in tensors if suffix != ".mat" for whole in tensors[suffix]]
    return [
        *found,
        Kind("stdin", "", lambda: every, (), _standard_input),
        Kind("name", "", lambda: [name.encode() for name in NAMES], (lies.json_text,), _name),
        Kind("suite", ".toml", lambda: seeds.SUITES, (), _suite),
        Kind("keras", ".keras", seeds.models, (_lying_model,), _model, ("import ('keras",)),
    ]


def _tensor(path: Path) -> object:
    return read_tensor(str(path), option="--x", seed=0)


def _standard_input(path: Path) -> object:
    sys.stdin = io.TextIOWrapper(io.BytesIO(path.read_bytes()))
    try:
        return read_tensor("-", option="--x", seed=0)
    finally:
        sys.stdin = sys.__stdin__


def _name(path: Path) -> object:
    return read_tensor(os.fsdecode(path.read_bytes()), option="--x", seed=0)


def _suite(path: Path) -> object:
    return read_suite(path, vocabulary())


def _model(path: Path) -> object:
    from gradcheck.targets.model import compile_as_saved, load_model

    model = load_model(path)
    compile_as_saved(model, path)
    return model


def _lying_model(random: Random) -> bytes:
    return lies.model(random.choice(seeds.models()), random)


@contextmanager
def forked_matlab() -> Iterator[None]:
    """Let matlab.py run in copies of this process, which has imported scipy: hundreds of times faster."""
    run, subprocess.run = subprocess.run, _forked  # type: ignore[assignment]
    try:
        yield
    finally:
        subprocess.run = run


def _forked(command: list[str], *, input: bytes, **_: Any) -> Any:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            try:
                key = command[4] if len(command) > 4 else None
                matlab.main(int(command[3]), key, io.BytesIO(input), out)
                out.flush()
                os._exit(0)
            except BaseException as error:
                os.write(err.fileno(), f"{type(error).__name__}: {error}".encode(errors="replace"))
            os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())
