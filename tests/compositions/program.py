"""Random compositions of TensorFlow operations: right by construction, or with one known mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from tests.compositions.vocabulary import KINKED, PAIRED, PAIRED_KINKED, SMOOTH, Constants, shortened
from tests.corpus.case import Array

STRUCTURES = ("last", "tuple", "nested")
EXPONENTS = st.one_of(st.just(0), st.integers(-12, 12))


@dataclass(frozen=True)
class Leaf:
    """One input: its numbers are 10^exponent × numbers of about 1."""

    shape: tuple[int, ...]
    exponent: int
    flavour: str
    dtype: str

    def scale(self, rng: np.random.Generator) -> Array:
        """What the program divides the input by, element by element."""
        scale = np.full(self.shape, 10.0**self.exponent)
        if self.flavour == "mixed":
            scale = scale * 10.0 ** rng.integers(-12, 13, self.shape)
        return scale.astype(self.dtype).astype(np.float64)

    def draw(self, seed: int) -> tuple[Array, Array]:
        """The input and its scale, both in the input's shape."""
        rng = np.random.default_rng(seed)
        scale, values = self.scale(rng), rng.standard_normal(self.shape)
        # One ordinary element stays: a tensor without any has no scale that steps could follow.
        special = (rng.random(self.shape) < 0.5) & (np.arange(values.size).reshape(self.shape) > 0)
        if self.flavour == "zeros":
            values = np.where(special, 0.0, values)
        if self.flavour == "ties":
            values = rng.integers(-1, 3, self.shape).astype(np.float64)
        if self.flavour == "tiny part":
            values = np.where(special, 1e-9 * values, values)
        return np.asarray(values * scale, self.dtype), scale


@dataclass(frozen=True)
class Step:
    """One operation on one or two of the tensors so far, counted from the newest."""

    name: str
    first: int
    second: int


@dataclass(frozen=True)
class Program:
    """A function of its leaves; the last `width` tensors are the outputs."""

    leaves: tuple[Leaf, ...]
    steps: tuple[Step, ...]
    structure: str
    seed: int
    wrong: int | None = None
    """The tensor whose gradient is multiplied by 1 + 1e-4; None for a right program."""

    def inputs(self) -> dict[str, Array]:
        """The leaves' numbers by name."""
        return {f"x{n}": leaf.draw(self.seed + n)[0] for n, leaf in enumerate(self.leaves)}

    def __call__(self, *inputs: Any) -> Any:
        """The outputs, in the structure of the program."""
        tensors: list[Any] = []
        for number, (leaf, x) in enumerate(zip(self.leaves, inputs, strict=True)):
            self._push(tensors, x / tf.constant(leaf.draw(self.seed + number)[1], x.dtype))
        for number, step in enumerate(self.steps):
            a, b = (tensors[-1 - (back % len(tensors))] for back in (step.first, step.second))
            a, b = (tf.cast(t, tensors[0].dtype) for t in (a, b))
            constants = Constants((self.seed, number))
            if step.name in PAIRED or step.name in PAIRED_KINKED:
                result = (PAIRED | PAIRED_KINKED)[step.name](a, b, constants)
            else:
                result = (SMOOTH | KINKED)[step.name](a, constants)
            self._push(tensors, shortened(result))
        return self._outputs(tensors)

    def _push(self, tensors: list[Any], tensor: Any) -> None:
        tensors.append(slightly_wrong(tensor) if len(tensors) == self.wrong else tensor)

    def _outputs(self, tensors: list[Any]) -> Any:
        if self.structure == "tuple":
            return tuple(tensors[-2:])
        if self.structure == "nested":
            return {"a": tensors[-1], "b": [tensors[-2:], tf.argmax(tf.reshape(tensors[-1], [-1]))]}
        if self.structure == "scaled":
            last = tf.reshape(tensors[-1], [-1])
            return last * tf.constant(10.0 ** (np.arange(last.shape[0]) * 7 % 25 - 12.0), last.dtype)
        return tensors[-1]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def slightly_wrong(x: Any) -> Any:
    """The identity with a gradient that is wrong in the fourth digit."""
    return tf.identity(x), lambda dy: dy * tf.constant(1 + 1e-4, dy.dtype)


def programs(
    *,
    kinks: bool = False,
    flavours: Sequence[str] = ("normal",),
    dtypes: Sequence[str] = ("float64",),
    exponents: st.SearchStrategy[int] = EXPONENTS,
    structures: Sequence[str] = STRUCTURES,
    depth: int = 6,
) -> st.SearchStrategy[Program]:
    """Programs of up to `depth` steps; without `kinks` they are smooth everywhere."""
    names = [*SMOOTH, *PAIRED, *KINKED, *PAIRED_KINKED] if kinks else [*SMOOTH, *PAIRED]
    step = st.builds(Step, st.sampled_from(names), st.integers(0, 3), st.integers(0, 5))
    steps = st.lists(step, min_size=1, max_size=depth).map(tuple)
    structure, seed = st.sampled_from(list(structures)), st.integers(0, 2**20)

    def of(dtype: str) -> st.SearchStrategy[Program]:
        shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
        leaf = st.builds(Leaf, shapes, exponents, st.sampled_from(list(flavours)), st.just(dtype))
        leaves = st.lists(leaf, min_size=1, max_size=3).map(tuple)
        return st.builds(Program, leaves, steps, structure, seed)

    # All inputs of one precision: the coarsest one would hide what the others hold.
    return st.sampled_from(list(dtypes)).flatmap(of)


def tied_programs(depth: int = 4) -> st.SearchStrategy[Program]:
    """A corner or a tie first, then smooth steps: the tape's value is a subgradient by the chain rule.

    With two corners in a row it need not be one (relu(−t) + t − relu(t)).
    """
    leaf = st.builds(
        Leaf,
        st.lists(st.integers(1, 4), max_size=3).map(tuple),
        st.integers(-3, 3),
        st.just("ties"),
        st.just("float64"),
    )
    first = st.builds(Step, st.sampled_from([*KINKED, *PAIRED_KINKED]), st.just(0), st.just(1))
    rest = st.lists(st.builds(Step, st.sampled_from(list(SMOOTH)), st.just(0), st.just(0)), max_size=depth)
    return st.builds(
        Program,
        st.lists(leaf, min_size=1, max_size=2).map(tuple),
        st.builds(lambda one, others: (one, *others), first, rest),
        st.just("last"),
        st.integers(0, 2**20),
    )


@st.composite
def mistaken(draw: st.DrawFn, right: st.SearchStrategy[Program]) -> Program:
    """A program whose gradient is off by 1e-4 at a random place."""
    program = draw(right)
    return replace(program, wrong=draw(st.integers(0, len(program.leaves) + len(program.steps) - 1)))


def matters(program: Program) -> bool:
    """Whether the mistake moves some element's gradient far beyond any tolerance (1e-6 of its size).

    The sizes come from the full Jacobian of the right program, by TensorFlow's own tape.
    """
    arrays = [tf.constant(a, tf.float64) for a in program.inputs().values()]
    rng = np.random.default_rng(program.seed)
    right = Program(program.leaves, program.steps, program.structure, program.seed)
    true, wrong = (jacobians(function, arrays) for function in (right, program))
    cotangent = rng.standard_normal(len(true[0]))
    for x, t, w in zip(arrays, true, wrong, strict=True):
        size = np.abs(cotangent) @ np.abs(t)
        moved = np.abs(cotangent @ (w - t))
        reach = size * np.abs(np.reshape(x, -1))
        if ((moved > 2e-5 * size) & (reach > 1e-3 * reach.max(initial=0.0)) & (size > 0)).any():
            return True
    return False


def jacobians(function: Callable[..., Any], arrays: list[Any]) -> list[Array]:
    """[outputs, elements] for every input."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(arrays)
        flat = joined(function(*arrays))
        entries = tf.unstack(flat)
    rows = [
        [
            np.zeros(x.shape) if g is None else np.asarray(tf.convert_to_tensor(g))
            for g, x in zip(row, arrays, strict=True)
        ]
        for row in (tape.gradient(entry, arrays) for entry in entries)
    ]
    return [np.stack([row[n].reshape(-1) for row in rows]) for n in range(len(arrays))]


def joined(outputs: Any) -> Any:
    """All floating outputs in one vector."""
    leaves = [t for t in tf.nest.flatten(outputs) if t.dtype.is_floating]
    return tf.concat([tf.reshape(t, [-1]) for t in leaves], 0)
