"""A saved Keras model."""

import re
import zipfile
from pathlib import Path
from typing import Any

import keras

from gradcheck.errors import TargetError
from gradcheck.targets.user_frames import message


def load_model(path: Path, unsafe: bool = False) -> Any:
    """A model from a .keras file, not compiled.

    In Keras' safe mode, which `unsafe` switches off, a file cannot run code of its own: Lambda layers are
    refused. Classes of the user's own must be registered with `keras.saving.register_keras_serializable`.

    Raises `TargetError` if there is no such file, it is no Keras model, or safe mode refuses it.
    """
    if not path.exists():
        raise TargetError(f"There is no file {str(path)!r}.", "Save one with model.save('model.keras').")
    if path.is_dir() or not zipfile.is_zipfile(path):
        raise TargetError(
            f"{str(path)!r} is no .keras file.", "Load it as you usually do and save it as model.keras."
        )
    try:
        # Keras goes by the suffix; a copy of the file under another name is the same model.
        return keras.saving.load_model(path, compile=False, safe_mode=not unsafe)
    except Exception as error:  # whatever a damaged file, or a class that has changed, makes Keras raise
        raise _refusal(path, error, unsafe) from error


def _refusal(path: Path, error: Exception, unsafe: bool) -> TargetError:
    text = message(error)
    if "safe_mode" in text and not unsafe:
        return TargetError(
            f"{str(path)!r} holds a Lambda layer: loading it runs Python code that is in the file, and safe "
            "mode forbids that.",
            "If you trust where the file comes from, pass --unsafe.",
        )
    if missing := re.search(r"Could not locate (\w+ '.+?')", text):
        return TargetError(
            f"{str(path)!r} needs code that is not loaded, the {missing[1]}.",
            "Name the file that defines it with --code FILE.py; it must be registered there with "
            "@keras.saving.register_keras_serializable().",
        )
    return TargetError(
        f"{str(path)!r} cannot be loaded: {type(error).__name__}: {text[:300]}",
        "Load it with keras.saving.load_model to see the cause.",
    )
