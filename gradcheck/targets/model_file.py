"""A .keras file → its configuration, before Keras loads it: no bomb, and no code but Keras' own.

Keras refuses most of this itself in its newest versions, and little in the oldest that gradcheck runs with:
before 3.9 a configuration could import any module and take any function of it, in safe mode too.
"""

import builtins
import json
import zipfile
from pathlib import Path
from typing import Any

import keras

from gradcheck.errors import TargetError

EXPANSION = 100
"""Bytes that a file may unpack to for each of its own: Keras packs nothing, and weights hardly shrink."""
SMALLEST = 2**24
"""Bytes that any file may unpack to."""
_FUNCTIONS = (
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "ops",
    "random",
    "regularizers",
)
"""Modules of Keras of which a configuration may name functions: those of keras.utils load and write files."""
_READ = ("filepath", "vocabulary")
"""Arguments of layers that are read as files when a layer is made."""


def saved_config(path: Path, unsafe: bool = False) -> dict[str, Any]:
    """The configuration of a model.

    Raises `TargetError` for what is no .keras file or unpacks to far more than it holds; unless `unsafe`,
    also for a model that names code which is neither Keras' own nor registered, or another file.
    """
    if not path.exists():
        raise TargetError(f"There is no file {str(path)!r}.", "Save one with model.save('model.keras').")
    # Keras goes by the suffix, and old versions run code in .h5 files, behind which a zip archive may stand.
    if path.suffix != ".keras" or not path.is_file() or not zipfile.is_zipfile(path):
        raise TargetError(
            f"{str(path)!r} is no .keras file.", "Load it as you usually do and save it as model.keras."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > max(SMALLEST, EXPANSION * path.stat().st_size):
                raise TargetError(
                    f"{str(path)!r} unpacks to {size:,} bytes, more than {EXPANSION} for each of its own.",
                    "Save it with model.save, which compresses nothing.",
                )
            config = json.loads(archive.read("config.json"))
        if not isinstance(config, dict):
            raise ValueError("config.json holds no object")
    except TargetError:
        raise
    except Exception as error:  # whatever a damaged archive or configuration makes Python raise
        raise TargetError(
            f"{str(path)!r} is a truncated or corrupt .keras file: {error or type(error).__name__}.",
            "Save it again with model.save.",
        ) from error
    # What it was compiled with is not loaded along with the model.
    if not unsafe and (foreign := foreign_code({**config, "compile_config": None})):
        raise not_loaded(path, foreign)
    return config


def not_loaded(path: Path, what: str) -> TargetError:
    """The refusal of a model with a class or function that Keras does not know."""
    return TargetError(
        f"{str(path)!r} needs code that is not loaded, the {what}.",
        "Name the file that defines it with --code FILE.py; it must be registered there with "
        "@keras.saving.register_keras_serializable().",
    )


def foreign_code(config: Any) -> str | None:
    """The first class, function or file in a configuration that safe mode does not load: `class 'Own'`."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            if (found := _foreign(value)) is not None:
                return found
        elif isinstance(value, list):
            waiting += value
    return None


def _foreign(value: dict[str, Any]) -> str | None:
    module, kind, config = value.get("module"), value.get("class_name"), value.get("config")
    if kind is None:
        return None
    function = kind == "function"
    name = str(value.get("config") if function else kind)
    if _registered(name if function else str(value.get("registered_name", kind))):
        return None
    read = config if isinstance(config, dict) else {}
    if key := next((key for key in _READ if isinstance(read.get(key), str)), None):
        return f"file {read[key]!r}"
    if not isinstance(module, str):
        return None
    first, _, rest = module.partition(".")
    if not function:
        own = first == "keras"
    elif module == "builtins":  # as Keras calls its own; old versions take those of Python for them
        own = not hasattr(builtins, name)
    else:
        own = first == "keras" and rest.partition(".")[0] in _FUNCTIONS
    return None if own else f"{'function' if function else 'class'} {name!r}"


def _registered(name: str) -> bool:
    """Whether Keras knows an object of the user's by this name, or until 3.6 by what follows its package."""
    known = keras.saving.get_registered_object(name) is not None
    return known or any(other.endswith(f">{name}") for other in keras.saving.get_custom_objects())
