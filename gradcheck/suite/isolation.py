"""What the code under check may have changed in its process, put back: the next check finds what the first
one found."""

import contextlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradcheck.arrays.streams import seeds_kept

_INSTALLED = (
    *{os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).resolve().parents[1]),
)
"""Folders of Python, of installed packages, and of this one."""


@contextlib.contextmanager
def isolated(folder: str) -> Iterator[None]:
    """Run in `folder`; afterwards working directory, environment, paths, modules, seeds of Python and NumPy,
    and what Keras and TensorFlow are set to, are what they were."""
    before, environment, path, modules = os.getcwd(), dict(os.environ), list(sys.path), set(sys.modules)
    os.chdir(folder)
    try:
        with seeds_kept(), _frameworks():
            yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if _users_own(sys.modules[name]):
                del sys.modules[name]


def _users_own(module: Any) -> bool:
    """Whether a module is no part of Python or of an installed package: another folder may have one of its
    name."""
    # A namespace package has no file but folders; a module that is built in has neither.
    places = [file] if (file := getattr(module, "__file__", None)) else list(getattr(module, "__path__", ()))
    return bool(places) and not any(os.path.realpath(place).startswith(_INSTALLED) for place in places)


@contextlib.contextmanager
def _frameworks() -> Iterator[None]:
    """Names of layers are counted from 1 again, and nothing that a user registers or sets stays."""
    import keras
    import tensorflow as tf

    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    data_format, registered = keras.config.image_data_format(), dict(keras.saving.get_custom_objects())
    keras.utils.clear_session(free_memory=False)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(data_format)
        keras.saving.get_custom_objects().clear()
        keras.saving.get_custom_objects().update(registered)
        tf.config.run_functions_eagerly(False)
        keras.utils.clear_session(free_memory=False)
