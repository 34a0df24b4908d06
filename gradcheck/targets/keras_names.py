"""Names of layers, activations and losses without importing Keras, which takes seconds.

The public modules of Keras hold nothing but `from … import … as …`, which is read as a syntax tree.
"""

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path

NO_FUNCTIONS = {"get", "serialize", "deserialize"}
"""What keras.activations and keras.losses export beside their functions."""
NOTHING_TO_CHECK = {
    *("Layer", "Wrapper", "InputLayer", "LSTMCell", "StackedRNNCells"),
    *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
    *("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup"),
    *("MaxNumBoundingBoxes", "StringLookup", "TextVectorization"),
}
"""Base classes, layers whose input or output is text or integers only, and cells that take a list of states,
which RNN checks."""
NO_LAYERS = {"Input", "InputSpec"}
"""What keras.layers exports with a capital letter and is no layer."""


def layers() -> list[str]:
    """The layers of keras.layers that can be checked, without aliases."""
    found = _exported("layers")
    return [
        name
        for name, own in found.items()
        if name[0].isupper()
        and name not in NOTHING_TO_CHECK | NO_LAYERS
        and (own == name or own not in found)
    ]


def functions(module: str) -> list[str]:
    """The functions of keras.activations or keras.losses, by the name of the module."""
    return [name for name in _exported(module) if not name[0].isupper() and name not in NO_FUNCTIONS]


def _exported(module: str) -> Mapping[str, str]:
    """What a module of Keras exports, in order, each with the name that it has where it is defined; nothing
    where Keras is not installed, or laid out in another way."""
    spec = importlib.util.find_spec("keras")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in (Path(folder, module, "__init__.py"), Path(folder, "api", module, "__init__.py")):
            if path.is_file():
                tree = ast.parse(path.read_text(encoding="utf-8"))
                imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
                return {alias.asname or alias.name: alias.name for node in imports for alias in node.names}
    return {}
