"""Which code is the user's own, and where in it something that is called is defined."""

import inspect
import os
import sys
import sysconfig
from functools import partial
from pathlib import Path
from typing import Any

# Packages whose frames say nothing about the user's code.
_FOREIGN = ("gradcheck", "tensorflow", "keras", "numpy", "click")


def defined(made: Any) -> tuple[str, int] | None:
    """File and line where a function begins, of an object that of its `call` or `__call__`; None where that
    is no code of the user's own.

    Seen through `functools.partial`, `tf.function`, `tf.custom_gradient` and other decorators that keep
    `__wrapped__`; with a decorator a function begins at that.
    """
    while isinstance(made, partial):
        made = made.func
    # A Keras layer has `call`; an object of TensorFlow around a function leads to that by itself.
    for found in (made, getattr(type(made), "call", None), type(made).__call__):
        try:
            code = getattr(inspect.unwrap(found), "__code__", None) if callable(found) else None
        except ValueError:  # an object that has every attribute is wrapped without end
            continue
        if code is not None and is_own(code.co_filename):
            return code.co_filename, code.co_firstlineno
    return None


def is_own(file: str) -> bool:
    """Whether a file is none of Python's, TensorFlow's or gradcheck's."""
    if file.startswith("<") or "__autograph_generated_file" in file:
        return False
    packages = [module for module in map(sys.modules.get, _FOREIGN) if module is not None]
    folders = [folder for package in packages for folder in package.__path__]
    if any(Path(file).is_relative_to(folder) for folder in folders):
        return False
    library = Path(sysconfig.get_path("stdlib"))
    installed = "site-packages" in Path(file).parts or "dist-packages" in Path(file).parts
    return installed or not Path(os.path.abspath(file)).is_relative_to(library)
