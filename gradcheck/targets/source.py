"""An object in the user's own code, by FILE.py:NAME or package.module:NAME."""

import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.errors import TargetError, did_you_mean, text_of
from gradcheck.targets.user_frames import message, refusal

IMPORTED = ("when it was imported", "Import it by itself to see the cause.")
"""What `refusal` says of code that raised: when, and the remedy without lines of the user's own."""
FORMS = "Write FILE.py:NAME or package.module:NAME."


def load(text: str) -> Any:
    """Import the module, which runs it, and return what it calls NAME.

    The folder of a file, or the working directory for a dotted module, comes first on sys.path, as when
    Python runs the file; a file in a package is imported as a part of it, so that its relative imports work.

    Raises `TargetError` if there is no such file, module or name, or the module raises.
    """
    place, name = _parts(text)
    return _named(_module(place), place, name)


def _parts(text: str) -> tuple[str, str]:
    """The file or module, and the name."""
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        path = Path(text)
        choices = f" {_choices(import_file(path), '')}" if path.suffix == ".py" and path.is_file() else ""
        raise TargetError(f"{text!r} does not say which object to take.", f"{FORMS}{choices}")
    return place, name


def _module(place: str) -> ModuleType:
    return import_file(Path(place)) if place.endswith(".py") else _imported(Path.cwd(), place, place)


def _named(module: ModuleType, place: str, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise TargetError(f"{place} has nothing named {name!r}.", _choices(module, part))
        found = getattr(found, part)
    return found


def load_callable(text: str) -> Any:
    """What `load` gives, if it can be called with tensors; a class that needs no arguments is made one.

    Raises what `load` raises, and `TargetError` if the object cannot be called.
    """
    return _called(load(text), text)


def load_callables(*texts: str) -> list[Any]:
    """What `load_callable` gives for each; a file of several is run once, and they share what it holds."""
    modules: dict[str, ModuleType] = {}
    found = []
    for text in texts:
        place, name = _parts(text)
        if place not in modules:
            modules[place] = _module(place)
        found.append(_called(_named(modules[place], place, name), text))
    return found


def _called(found: Any, text: str) -> Any:
    """An object that can be called, and that `text` names."""
    if not callable(found):
        raise TargetError(
            f"{text} is {type(found).__name__}, which cannot be called.", "Name a function of tensors."
        )
    # Whoever has a Keras layer has loaded Keras.
    keras = sys.modules.get("keras")
    if keras is not None and keras.layers.Layer in (*type(found).__mro__, *getattr(found, "__mro__", ())):
        raise TargetError(f"{text} is a Keras layer.", "`gradcheck layer` checks it and its weights.")
    if not inspect.isclass(found):
        return found
    try:
        made = found()
    except Exception as error:  # whatever a user's __init__ does
        raise TargetError(
            f"{text} is a class, and making one without arguments raised {type(error).__name__}: "
            f"{message(error)}",
            "Make an instance in the file and name that.",
        ) from error
    if not callable(made):
        raise TargetError(f"{text} is a class whose instances cannot be called.", "Give it a __call__.")
    return made


def is_source(text: str) -> bool:
    """Whether a text names an object in a file or module, rather than something that Keras has."""
    return ":" in text or text.endswith(".py")


def files(*texts: str | None) -> tuple[Path, ...]:
    """The files among what texts name objects in."""
    places = (text.rpartition(":")[0] or text for text in texts if text is not None)
    return tuple(Path(place) for place in places if place.endswith(".py"))


def import_file(path: Path) -> ModuleType:
    """Import a Python file, with its folder first on sys.path; raises what `load` raises."""
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.py")])
        raise TargetError(f"There is no file {str(path)!r}.", near or FORMS)
    if not path.name.endswith(tuple(importlib.machinery.all_suffixes())):
        raise TargetError(f"{path.name!r} is not a Python file.", "Give one whose name ends in .py.")
    path = path.resolve()
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    if root != path.parent:  # in a package
        return _imported(root, ".".join(path.relative_to(root).with_suffix("").parts), str(path))
    try:
        return _run(path)
    except ImportError as error:
        if "attempted relative import" not in text_of(error):
            raise refusal(path.name, error, *IMPORTED) from error
    # Relative imports between files that no __init__.py makes a package: the folder's name serves as one.
    return _imported(root.parent, f"{root.name}.{path.stem}", str(path))


def _run(path: Path) -> ModuleType:
    """Import a file that is in no package, under its own name unless that is taken."""
    _first_on_path(path.parent)
    name = path.stem if path.stem not in sys.modules else f"gradcheck_source_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a class is looked up by its module's name
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # whatever a user's module does when it is run, sys.exit too
        del sys.modules[name]
        if isinstance(error, ImportError) or not isinstance(error, Exception):
            raise
        raise refusal(path.name, error, *IMPORTED) from error
    return module


def _imported(root: Path, dotted: str, shown: str) -> ModuleType:
    _first_on_path(root)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(dotted)
    except Exception as error:  # whatever a user's module does when it is run
        if isinstance(error, ModuleNotFoundError) and error.name and dotted.startswith(error.name):
            raise TargetError(
                f"There is no module {error.name!r} in {root} or among the installed packages.", FORMS
            ) from error
        raise refusal(shown, error, *IMPORTED) from error


def _first_on_path(folder: Path) -> None:
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def _choices(module: ModuleType, wrong: str) -> str:
    """What the module defines and can be called, the nearest names first."""
    own = [
        name
        for name, value in vars(module).items()
        # An instance was made in the module, where its class is.
        if callable(value) and not name.startswith("_")
        if getattr(value, "__module__", module.__name__) == module.__name__
    ]
    if near := did_you_mean(wrong, own, most=1):
        return near
    return f"It defines: {', '.join(own)}." if own else "It defines nothing that can be called."
