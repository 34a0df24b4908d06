"""The function of one check as a value: another process builds it, and evaluates it as the first one does."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.errors import GradcheckError
from gradcheck.version import __version__

if TYPE_CHECKING:
    from gradcheck.arrays.types import Array
    from gradcheck.function.primal import Primal
    from gradcheck.targets.spec import TargetSpec

THREADS = "TF_NUM_INTRAOP_THREADS"
"""The environment variable by which TensorFlow learns how many threads a sum is split over."""
OTHER_THREADS = "OMP_NUM_THREADS"
"""The same for NumPy; Dask sets it to 1."""
NEIGHBOURS = 100
"""Python files of a folder that go along with one of them."""
FLAGS = "flags", "Features"
"""Lines of /proc/cpuinfo that name the instructions of a processor."""


@dataclass(frozen=True)
class Versions:
    """What rounding depends on besides the function, by name."""

    gradcheck: str
    python: str
    numpy: str
    tensorflow: str
    instructions: str
    """Of the processor: TensorFlow chooses its kernels by them."""

    @classmethod
    def here(cls) -> Versions:
        """Those of this process; loads no TensorFlow."""
        from importlib.metadata import PackageNotFoundError, version

        found = "none"
        for name in ("tensorflow", "tensorflow-cpu", "tf-nightly"):
            with contextlib.suppress(PackageNotFoundError):
                found = version(name)
                break
        return cls(__version__, platform.python_version(), np.__version__, found, _instructions())

    def refuse_others(self, there: Versions, where: str) -> None:
        """Raise `GradcheckError` where another process has not the same."""
        for name, own in vars(self).items():
            other = vars(there)[name]
            if other != own:
                said = (
                    "other processor instructions" if name == "instructions" else f"{name} {other}, not {own}"
                )
                raise GradcheckError(
                    f"{where} has {said}: sums would be rounded differently there.",
                    "Use workers with the same versions on machines of one kind.",
                )


@dataclass(frozen=True, eq=False)
class SharedFunction:
    """What a process has to know to evaluate the function of a check."""

    spec: TargetSpec
    folder: str
    """The working directory, that files are relative to."""
    device: str | None
    names: tuple[str, ...]
    """The variables."""
    dtype: str | None
    """As for `Primal`."""
    operations: int
    """Of one call, where it is evaluated in a graph; else 0."""
    base: Array
    """f at the point, [outputs]."""
    versions: Versions
    files: tuple[tuple[str, bytes], ...]
    """What the target is built from, by path, and Python files beside it."""

    @classmethod
    def of(cls, spec: TargetSpec, device: str | None, primal: Primal, base: Array) -> SharedFunction:
        """The function of a check in this process."""
        operations = 0 if primal.graph is None else primal.operations
        files = tuple((str(path), path.read_bytes()) for path in _with_neighbours(spec.files))
        return cls(
            spec, os.getcwd(), device, primal.names, primal.dtype, operations, base, Versions.here(), files
        )

    @contextlib.contextmanager
    def placed(self) -> Iterator[str]:
        """A folder in which the files are found by their paths: that of the check where they are there as
        they were, else a new one with copies."""
        if all(_content(Path(self.folder, path)) == content for path, content in self.files):
            yield self.folder
            return
        with tempfile.TemporaryDirectory(prefix="gradcheck-") as folder:
            for path, content in self.files:
                place = Path(os.path.abspath(os.path.join(folder, path)))
                if not place.is_relative_to(folder):
                    raise GradcheckError(
                        f"{path} cannot be read on a worker, or is another file there.",
                        "Name it relative to the working directory, inside of that.",
                    )
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            yield folder

    @contextlib.contextmanager
    def posed(self) -> Iterator[Primal]:
        """The function as it is evaluated here.

        Raises `GradcheckError` where it cannot be built, or is not, bit for bit, what it was there.
        """
        from gradcheck.runtime import load_tensorflow, on_device

        self.versions.refuse_others(Versions.here(), "A worker process")
        load_tensorflow()
        from gradcheck.function.primal import Primal
        from gradcheck.function.problem import settled

        with self.placed() as folder, contextlib.chdir(folder):
            target = self.spec.build().target
            with on_device(self.device), target.within():
                primal = Primal(target, self.names, self.dtype)
                found, base = settled(primal, np.asarray(primal.at_point()), self.operations)
                if not np.array_equal(base, self.base) or (found.graph is None) != (self.operations == 0):
                    raise GradcheckError(
                        f"{target.name} is not the same in a worker process, up to "
                        f"{np.abs(base - self.base).max():.3g} apart at the point.",
                        "Set a seed where the code draws random numbers while it is imported.",
                    )
                yield found


def _with_neighbours(files: tuple[Path, ...]) -> list[Path]:
    """Files, and the Python files beside those that are such, which they may import."""
    folders = {path.parent for path in files if path.suffix == ".py"}
    beside = {other for folder in folders for other in sorted(folder.glob("*.py"))[:NEIGHBOURS]}
    return [*dict.fromkeys([*files, *sorted(beside)])]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def environment() -> dict[str, str]:
    """The variables of this process that rule how TensorFlow, Keras and NumPy evaluate, and on how many
    threads."""
    import tensorflow as tf

    ruling = {name: value for name, value in os.environ.items() if rules(name)}
    # Where nothing is set they take the processors that they may run on.
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    chosen = tf.config.threading.get_intra_op_parallelism_threads() or ruling.get(THREADS) or free
    return {OTHER_THREADS: str(free)} | ruling | {THREADS: str(chosen)}


def rules(name: str) -> bool:
    """Whether an environment variable rules how a process evaluates."""
    return name.startswith(("TF_", "KERAS_", "OMP_", "OPENBLAS_", "MKL_"))


def _instructions() -> str:
    """The instructions of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line for line in lines if line.startswith(FLAGS)), platform.machine())
