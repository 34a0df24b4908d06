"""Where in the user's own code something that is called is defined."""

import inspect
from functools import partial
from typing import Any

from gradcheck.targets.user_frames import is_own


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
