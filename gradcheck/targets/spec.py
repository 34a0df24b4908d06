"""What is to be checked as a value: it can be pickled, and any process builds the target from it.

Files and modules are named as from the working directory of the process that builds, where the user's code
runs while it is imported and built.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gradcheck.arrays.types import Array, is_floating
from gradcheck.runtime import load_tensorflow
from gradcheck.targets import function, numpy_pair, source
from gradcheck.targets.dense import dense
from gradcheck.targets.function import Target
from gradcheck.targets.paths import from_paths
from gradcheck.targets.pooling import avgpool1d, maxpool1d

READY: Mapping[str, Callable[..., Target]] = {"dense": dense, "maxpool1d": maxpool1d, "avgpool1d": avgpool1d}
"""The layers with a closed form, by name."""


@dataclass(frozen=True)
class Built:
    """A target, and what is to be known about how it came to be."""

    target: Target
    fresh: tuple[str, ...] = ()
    """Weights that were freshly initialised although others were given."""
    indices: tuple[str, ...] = ()
    """Tensors that became whole numbers, for they are the indices of an embedding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetSpec(ABC):
    """What is to be checked, at one point."""

    tensors: Mapping[str, Array]
    """The inputs by name."""

    @abstractmethod
    def build(self) -> Built:
        """The target; what cannot be built raises `GradcheckError`."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is built from."""
        return ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadySpec(TargetSpec):
    """A layer with a closed form, at `tensors`, which are its arguments."""

    layer: str
    """A key of `READY`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its other arguments, such as `activation` or `pool_size`."""

    def build(self) -> Built:
        """Does not load TensorFlow, unless for an activation."""
        return Built(READY[self.layer](**self.tensors, **self.options))


@dataclass(frozen=True, kw_only=True, eq=False)
class FunctionSpec(TargetSpec):
    """A function of the user, or an object that can be called."""

    function: str
    """FILE.py:NAME or package.module:NAME."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that are not differentiated."""
    gradient: str | None = None
    """FILE.py:NAME of its backward pass, if both are NumPy code."""
    wrt: tuple[str, ...] | None = None
    """The tensors that the backward pass returns gradients for; None for all."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of the function, and of its backward pass."""
        return source.files(self.function, self.gradient)

    def build(self) -> Built:
        """Imports the file or module, which runs it; a path as a name, `params/w`, is in a structure."""
        load_tensorflow()
        name = self.function.rpartition(":")[2]
        placing: dict[str, Any] = {"nested": from_paths(self.tensors), "name": name, "names_must_match": True}
        if self.gradient is None:
            found = source.load_callable(self.function)
            return Built(function.target(found, self.tensors, self.constants, **placing))
        forward, backward = source.load_callables(self.function, self.gradient)
        return Built(
            numpy_pair.target(forward, backward, self.tensors, self.constants, wrt=self.wrt, **placing)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerSpec(TargetSpec):
    """A Keras layer from its class, or one that a file of the user has made."""

    layer: str
    """A class of keras.layers, or FILE.py:NAME or package.module:NAME."""
    config: Mapping[str, Any] | None = None
    """Arguments of the class."""
    mask: Array | None = None
    training: bool = False
    weights: Mapping[str, Array] | None = None
    """Weights by name; the others are freshly initialised."""
    dtype: str = "auto"
    """The default dtype of Keras while the layer is made and checked; `auto` leaves it alone."""
    seed: int = 0
    """Seed of the weights that are freshly initialised."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of the layer."""
        return source.files(self.layer)

    def build(self) -> Built:
        """Imports the file or module, which runs it, and sets the seeds of Python, NumPy and TensorFlow."""
        load_tensorflow()
        from keras.utils import set_random_seed

        from gradcheck.targets import keras, layer_call, layer_class, weight_names

        # A layer that a file of the user makes has the same weights in every process.
        set_random_seed(self.seed % 2**32)
        found = layer_class.find(self.layer)
        within = partial(layer_class.default_dtype, self.dtype)
        fresh: list[str] = []
        with within():
            layer, again = layer_class.made(found, self.config, self.seed)
            constants = {"training": self.training, "mask": self.mask}
            call = layer_call.call_of(layer, self.tensors, constants)
            keras.build(layer, self.tensors, call)
            if self.weights is not None:
                fresh = weight_names.assign(layer, layer_call.title(layer), self.weights)
            target = keras.target(layer, self.tensors, call=call, rebuild=again)
        whole = partial(_nested, within, target.within)
        return Built(replace(target, within=whole), tuple(fresh), _indices(self.tensors, target))


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelSpec(TargetSpec):
    """A saved Keras model."""

    path: Path
    """A .keras file."""
    loss: Any = None
    """A loss of `y` and the output: a name in keras.losses, or FILE.py:NAME, or a dict or list of them; None
    for the model's own, or what the file was compiled with."""
    y: Any = None
    """An array, or a dict or list of arrays; None checks the output itself."""
    named: bool = False
    """Whether the names of the tensors must be those of the inputs of a functional model."""
    sample_weight: Array | None = None
    training: bool = False
    unsafe: bool = False
    """Whether Lambda layers are loaded, which runs code that is in the file."""
    code: tuple[Path, ...] = ()
    """Files that register classes of the user's own, which are imported first."""

    @property
    def files(self) -> tuple[Path, ...]:
        """That of the model, those of `code`, and those of losses."""
        losses = self.loss.values() if isinstance(self.loss, dict) else self.loss
        named = losses if isinstance(losses, Iterable) and not isinstance(losses, str) else [losses]
        return self.path, *self.code, *source.files(*(loss for loss in named if isinstance(loss, str)))

    def build(self) -> Built:
        """Imports the files of `code`, which runs them."""
        load_tensorflow()
        from gradcheck.targets import keras
        from gradcheck.targets.layer_call import call_of
        from gradcheck.targets.loss import loss_on_top
        from gradcheck.targets.model import compile_as_saved, load_model

        for file in self.code:
            source.import_file(file)
        model = load_model(self.path, self.unsafe)
        if self.y is not None and self.loss is None:
            compile_as_saved(model, self.path, self.unsafe)
        name, last = loss_on_top(model, self.loss, self.y, self.sample_weight)
        call = call_of(model, self.tensors, {"training": self.training}, named=self.named)
        target = keras.target(model, self.tensors, call=call, last=last, name=name)
        return Built(target, indices=_indices(self.tensors, target))


@contextmanager
def _nested(*contexts: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """In all of the contexts, the first outermost."""
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context())
        yield


def _indices(given: Mapping[str, Array], target: Target) -> tuple[str, ...]:
    """Names of the tensors that the target takes as integers, and that were none of that dtype."""
    return tuple(
        name
        for name, array in given.items()
        if array.dtype != target.inputs[name].dtype and not is_floating(target.inputs[name].dtype)
    )
