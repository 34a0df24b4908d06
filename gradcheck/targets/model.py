"""A saved Keras model."""

import re
from pathlib import Path
from typing import Any

import keras

from gradcheck.errors import TargetError, beginning
from gradcheck.targets.model_file import foreign_code, not_loaded, saved_config
from gradcheck.targets.user_frames import SHOWN, message

_MISSING = re.compile(r"Could not locate (\w+ '.+?')")


def load_model(path: Path, unsafe: bool = False) -> Any:
    """A model from a .keras file, not compiled.

    In Keras' safe mode, which `unsafe` switches off, a file cannot run code of its own: Lambda layers are
    refused. Classes of the user's own must be registered with `keras.saving.register_keras_serializable`.

    Raises `TargetError` if there is no such file, it is no Keras model, or safe mode refuses it.
    """
    saved_config(path, unsafe)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=not unsafe)
    except Exception as error:  # whatever a damaged file, or a class that has changed, makes Keras raise
        raise _refusal(path, error, unsafe) from error


def compile_as_saved(model: Any, path: Path, unsafe: bool = False) -> None:
    """Compile a model that `load_model` gave with the loss in its file, if there is one.

    Neither the optimizer nor the metrics are made, which may need code that is not there.

    Raises `TargetError` if the loss needs code that is not loaded, or safe mode refuses it.
    """
    saved = saved_config(path, unsafe).get("compile_config")
    chosen = {key: saved.get(key) for key in ("loss", "loss_weights")} if isinstance(saved, dict) else {}
    if chosen.get("loss") is None:
        return
    try:
        if not unsafe and (foreign := foreign_code(chosen)):
            raise ValueError(f"the {foreign} is not loaded.")
        found = keras.saving.deserialize_keras_object(chosen, safe_mode=not unsafe)
        keras.Model.compile(model, **found)
    except Exception as error:  # whatever code of the user's own that is missing or has changed raises
        text = message(error)
        if "safe_mode" in text or "`lambda`" in text:
            text = "it is a lambda, code in the file, which safe mode does not run and --unsafe does."
        elif missing := _MISSING.search(text):
            text = f"the {missing[1]} is not loaded."
        raise TargetError(
            f"The loss that {str(path)!r} was compiled with cannot be loaded: {beginning(text, SHOWN)}",
            "Name the loss with --loss FILE.py:NAME, or the file that registers it with --code FILE.py.",
        ) from error


def _refusal(path: Path, error: Exception, unsafe: bool) -> TargetError:
    text = message(error)
    if "safe_mode" in text and not unsafe:
        return TargetError(
            f"{str(path)!r} holds a Lambda layer: loading it runs Python code that is in the file, and safe "
            "mode forbids that.",
            "If you trust where the file comes from, pass --unsafe.",
        )
    if missing := _MISSING.search(text):
        return not_loaded(path, missing[1])
    return TargetError(
        f"{str(path)!r} cannot be loaded: {type(error).__name__}: {beginning(text, SHOWN)}",
        "Load it with keras.saving.load_model to see the cause.",
    )
