"""The function of one check as a value: another process builds it, and evaluates it as the first one does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.errors import GradcheckError
from gradcheck.runtime import cores
from gradcheck.suite.files import Files, with_neighbours
from gradcheck.suite.versions import Versions

if TYPE_CHECKING:
    from gradcheck.arrays.types import Array
    from gradcheck.function.primal import Primal
    from gradcheck.targets.spec import TargetSpec

THREADS = "TF_NUM_INTRAOP_THREADS"
"""The environment variable by which TensorFlow learns how many threads a sum is split over."""
OTHER_THREADS = "OMP_NUM_THREADS"
"""The same for NumPy; Dask sets it to 1."""


@dataclass(frozen=True, eq=False)
class SharedFunction:
    """What a process has to know to evaluate the function of a check."""

    spec: TargetSpec
    files: Files
    """What the target is built from, in the working directory."""
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

    @classmethod
    def of(cls, spec: TargetSpec, device: str | None, primal: Primal, base: Array) -> SharedFunction:
        """The function of a check in this process."""
        operations = 0 if primal.graph is None else primal.operations
        folder = os.getcwd()
        files = Files.of(folder, with_neighbours(folder, map(str, spec.files))).packed()
        versions = Versions.here(processor=True)
        return cls(spec, files, device, primal.names, primal.dtype, operations, base, versions)

    @contextlib.contextmanager
    def posed(self) -> Iterator[Primal]:
        """The function as it is evaluated here.

        Raises `GradcheckError` where it cannot be built, or is not, bit for bit, what it was there.
        """
        from gradcheck.runtime import load_tensorflow, on_device

        self.versions.refuse_others(Versions.here(processor=True), "A worker process")
        load_tensorflow()
        from gradcheck.function.primal import Primal
        from gradcheck.function.problem import settled

        with self.files.placed() as (folder, elsewhere), contextlib.chdir(folder):
            if elsewhere:
                raise GradcheckError(
                    f"{next(iter(elsewhere))} cannot be read on a worker, or is another file there.",
                    "Name it relative to the working directory, inside of that.",
                )
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


def environment() -> dict[str, str]:
    """The variables of this process that rule how TensorFlow, Keras and NumPy evaluate, and on how many
    threads."""
    import tensorflow as tf

    ruling = {name: value for name, value in os.environ.items() if rules(name)}
    # Where nothing is set they take the processors that they may run on.
    chosen = tf.config.threading.get_intra_op_parallelism_threads() or ruling.get(THREADS) or cores()
    return {OTHER_THREADS: str(cores())} | ruling | {THREADS: str(chosen)}


def rules(name: str) -> bool:
    """Whether an environment variable rules how a process evaluates."""
    return name.startswith(("TF_", "KERAS_", "OMP_", "OPENBLAS_", "MKL_"))
