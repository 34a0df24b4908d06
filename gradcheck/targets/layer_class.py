"""A Keras layer from its class and a config, once more from its own at float64, and the classes there are."""

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import FunctionType
from typing import Any

import keras

from gradcheck.errors import TargetError, did_you_mean, text_of
from gradcheck.targets.activations import functions
from gradcheck.targets.keras_names import NOTHING_TO_CHECK
from gradcheck.targets.loss import at_this_precision
from gradcheck.targets.source import is_source, load
from gradcheck.targets.stateless import precision
from gradcheck.targets.user_frames import message, where

_FLOATING = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")
_BY_KERAS = ("name", "trainable", "dtype")
"""What Keras itself puts into the config of every layer."""
_BASES = (keras.layers.Layer, keras.Model)


def at_float64(layer: Any) -> Any:
    """A copy of a layer or model, with weights of its own, not yet built unless its config says how.

    Nothing that is not already in this process is run: a Lambda in the config comes from the layer itself.
    Raises what the layer's get_config, from_config and __init__ raise.
    """
    with warnings.catch_warnings():
        # Keras warns of functions that it cannot keep; they are put in place below.
        warnings.simplefilter("ignore")
        config = _config(layer)
    config.pop("compile_config", None)
    parts = {part.name: part for part in layer._flatten_layers()}
    known = _classes(layer)
    config = _taken(widened(_with_functions(config, parts, known)), known)
    copy = keras.saving.deserialize_keras_object(config, custom_objects=known, safe_mode=False)
    _freeze_as(layer, copy)
    if getattr(layer, "compiled", False) and getattr(layer, "loss", None):
        own = layer._compile_loss
        loss = keras.tree.map_structure(at_this_precision, own._user_loss)
        # A model's own `compile` may take other arguments.
        keras.Model.compile(copy, loss=loss, loss_weights=own._user_loss_weights)
    return copy


def _with_functions(config: Any, parts: Mapping[Any, Any], known: dict[str, Any]) -> Any:
    """A config with the functions that the layers have, such as a user's activation, in place.

    Keras would look for a function by its name, or make one from its code without what that refers to. Lambda
    takes names only: its functions are added to `known`.
    """

    def change(found: dict[str, Any]) -> dict[str, Any]:
        inner = found.get("config")
        if not isinstance(inner, dict):
            return found
        part = parts.get(inner.get("name"))
        for key in inner:
            own = getattr(part, key, None)
            if isinstance(own, FunctionType) and not own.__module__.startswith("keras."):
                inner[key] = own
                if isinstance(part, keras.layers.Lambda):
                    inner[key] = f"{part.name}.{key}"
                    known[inner[key]] = own
        return found

    return changed(config, change)


def widened(config: Any) -> Any:
    """A config with every floating dtype in it, nested ones too, replaced by float64."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        return found | {"dtype": "float64"} if _policy(found.get("dtype")) in _FLOATING else found

    return changed(config, change)


def _config(layer: Any) -> Any:
    try:
        return keras.saving.serialize_keras_object(layer)
    except NotImplementedError as error:
        # Keras guesses at the cause, in a text of 30 lines.
        named = re.match(r"\s*Object (\w+) was created", text_of(error))
        if named is None:
            raise
        raise NotImplementedError(
            f"{named[1]} has no get_config, and its __init__ takes arguments that Keras does not know."
        ) from error


def _freeze_as(layer: Any, copy: Any) -> None:
    """Give the parts of a copy the `trainable` that the parts of the layer have."""
    own, others = layer._flatten_layers(), copy._flatten_layers()
    if [type(part) for part in own] == [type(part) for part in others]:
        for part, other in zip(own, others, strict=True):
            other.trainable = part.trainable


def _taken(config: Any, known: Mapping[str, Any]) -> Any:
    """A config without what Keras adds to it, where the `__init__` of a user's own class does not take that.

    A class without **kwargs is made under `precision` all the same, which the dtype follows."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        cls, inner = known.get(str(found.get("registered_name"))), found.get("config")
        if not isinstance(cls, type) or not isinstance(inner, dict):
            return found
        refused = _refused(cls)
        return found | {"config": {key: value for key, value in inner.items() if key not in refused}}

    return changed(config, change)


def _refused(cls: Any) -> list[str]:
    """What of Keras' own in a config the `__init__` of a class does not take; nothing where it has a
    `from_config` of its own."""
    parameters = inspect.signature(cls.__init__).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    usual = any(cls.from_config.__func__ is base.from_config.__func__ for base in _BASES)
    return [key for key in _BY_KERAS if key not in parameters] if usual and not takes_any else []


def changed(config: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy of a config in which every dict, the innermost first, is what `change` makes of it."""
    if isinstance(config, (list, tuple)):
        return type(config)(changed(part, change) for part in config)
    if not isinstance(config, Mapping):
        return config
    return change({key: changed(value, change) for key, value in config.items()})


def _policy(dtype: Any) -> Any:
    """The name of a dtype policy, which a config holds as text or as an object of its own."""
    if isinstance(dtype, Mapping) and isinstance(dtype.get("config"), Mapping):
        return dtype["config"].get("name")
    return dtype


def _classes(layer: Any) -> dict[str, Any]:
    """The user's own classes among a layer's layers: Keras finds only those that are registered."""
    classes = {type(part) for part in layer._flatten_layers()}
    return {
        name: cls
        for cls in classes
        if not cls.__module__.startswith("keras.")
        for name in (cls.__name__, keras.saving.get_registered_name(cls))
    }


def layer_classes() -> dict[str, str]:
    """The layers of keras.layers that can be checked, by name, each with the first line of its docstring.

    Left out are aliases, base classes, layers whose input or output is text or integers only, and cells that
    take a list of states: RNN checks them.
    """
    classes = {name: value for name, value in sorted(vars(keras.layers).items()) if _is_layer_class(value)}
    return {
        name: " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split()).rstrip(".")
        for name, cls in classes.items()
        if name not in NOTHING_TO_CHECK and (cls.__name__ == name or cls.__name__ not in classes)
    }


def _is_layer_class(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, keras.layers.Layer)


def find(text: str) -> Any:
    """The layer class, or the layer, that a name in keras.layers or FILE.py:NAME means.

    Raises `TargetError` if it is no Keras layer.
    """
    if not is_source(text):
        found = getattr(keras.layers, text, None)
        if not _is_layer_class(found):
            near = did_you_mean(text, layer_classes())
            raise TargetError(
                f"Keras {keras.__version__} has no layer named {text!r}.",
                f"{near}`gradcheck layers` lists them; your own is FILE.py:NAME.",
            )
        return found
    found = load(text)
    if not _is_layer_class(found) and not isinstance(found, keras.layers.Layer):
        raise TargetError(f"{text} is no Keras layer.", "`gradcheck function` checks other callables.")
    return found


def default_dtype(dtype: str) -> AbstractContextManager[None]:
    """Make layers at `dtype`, or as Keras does by itself for `auto`."""
    return nullcontext() if dtype == "auto" else precision(dtype)


def made(found: Any, config: Mapping[str, Any] | None, seed: int) -> tuple[Any, Callable[[], Any] | None]:
    """A layer with weights that follow from the seed, and what makes it at float64.

    Raises `TargetError` if the class does not take the config, or a layer that is made already is given one.
    """
    if not inspect.isclass(found):
        if config is not None:
            raise TargetError(
                f"The layer {found.name!r} is made already, so it takes no config.", "Name its class."
            )
        return found, None
    keras.utils.set_random_seed(seed % 2**32)
    return make(found, config or {}), lambda: make(found, widened(config or {}))


def make(cls: type, config: Mapping[str, Any]) -> Any:
    """A layer of a class with a config, which may hold other layers as {"class_name": …, "config": …}.

    Raises `TargetError` if the class does not take the config.
    """
    try:
        if any(_is_layer(value) for value in config.values()):
            return cls.from_config(_located(config))  # type: ignore[attr-defined]  # Keras has no types
        return cls(**config)
    except Exception as error:  # whatever the __init__ of a user's layer does
        signature = inspect.signature(cls).parameters
        parameters = [name for name, p in signature.items() if p.kind is not p.VAR_KEYWORD]
        raise TargetError(
            f"{cls.__name__} does not take the config {dict(config)}: "
            f"{message(error).rpartition('Exception encountered: ')[2]}",
            where(
                error, f"{_near(config, parameters)}Its parameters are: {', '.join(parameters) or 'none'}."
            ),
        ) from error


def _near(config: Mapping[str, Any], parameters: list[str]) -> str:
    """What was meant by a key of a config, or by an activation in it, that is none."""
    base = inspect.signature(keras.layers.Layer).parameters
    known = functions(keras.activations)
    hints = [did_you_mean(key, parameters) for key in config if key not in (*parameters, *base)]
    hints += [
        did_you_mean(value, known)
        for key, value in config.items()
        if key.endswith("activation") and isinstance(value, str) and value not in known
    ]
    return next(filter(None, hints), "")


def _is_layer(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_layer(part) for part in value)
    return isinstance(value, Mapping) and "class_name" in value


def _located(config: Any) -> Any:
    """A config where layers of Keras may be named by their class alone."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        named = hasattr(keras.layers, str(found.get("class_name")))
        return {"module": "keras.layers", "registered_name": None, "config": {}} | found if named else found

    return changed(config, change)
