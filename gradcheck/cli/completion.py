"""What the Tab key completes: files, names in a file of Python, and what Keras has, with neither imported."""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

Items: TypeAlias = "list[CompletionItem[str]]"
BREAKS = (":", "=")
"""Where bash cuts a word in two (COMP_WORDBREAKS), beside spaces."""


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Files, as the shell completes them; NAME=FILE as well."""
    name, equals, path = incomplete.rpartition("=")
    return _paths(f"{name}=", path) if equals else [CompletionItem(incomplete, type="file")]


def _paths(before: str, incomplete: str) -> Items:
    """Files and folders, each with what stands before it in the word."""
    folder, _, start = incomplete.rpartition("/")
    place = Path(f"{folder}/" if _ else ".").expanduser()
    try:
        found = sorted(place.iterdir())
    except OSError:
        return []
    names = [f"{one.name}/" if one.is_dir() else one.name for one in found if one.name.startswith(start)]
    shown = [name for name in names if start.startswith(".") or not name.startswith(".")]
    return [CompletionItem(f"{before}{folder}{_}{name}", is_path=True) for name in shown]


def objects(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """FILE.py:NAME: files, and behind a file of Python the names that it defines, which is not run."""
    path, _, start = incomplete.partition(":")
    if not path.endswith(".py") or not Path(path).expanduser().is_file():
        return [CompletionItem(incomplete, type="file")]
    return _beginning(start, defined(Path(path).expanduser()), f"{path}:")


def defined(path: Path) -> list[str]:
    """Names of the functions, classes and made objects of a file of Python, in its order; none of one that
    cannot be parsed."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call | ast.Lambda | ast.Name):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name for name in dict.fromkeys(found) if not name.startswith("_")]


def layers(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Layers of Keras, or FILE.py:NAME."""
    from gradcheck.targets import keras_names

    return _beginning(incomplete, keras_names.layers()) or objects(ctx, param, incomplete)


def losses(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Losses of Keras, or FILE.py:NAME."""
    from gradcheck.targets import keras_names

    return _beginning(incomplete, keras_names.functions("losses")) or objects(ctx, param, incomplete)


def activations(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Activations of Keras."""
    from gradcheck.targets import keras_names

    return _beginning(incomplete, keras_names.functions("activations"))


def words(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Words that are explained, with their summaries; a hyphen stands for a space."""
    from gradcheck.cli.explanation import explanations

    found = {one.word.replace(" ", "-"): one.summary for one in explanations()}
    return [
        CompletionItem(word, help=summary)
        for word, summary in found.items()
        if word.lower().startswith(incomplete.lower()) and not ctx.params.get("word")
    ]


def _beginning(start: str, names: Iterable[str], before: str = "") -> Items:
    return [CompletionItem(f"{before}{name}") for name in names if name.startswith(start)]


class Bash(BashComplete):
    """Bash hands `x=a.npy` and `ops.py:f` on in three words, and wants what follows the sign."""

    _seen_apart = ""
    """What bash takes for other words, at the beginning of the one to complete."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that one, each in one piece."""
        before, last = super().get_completion_args()
        whole: list[str] = []
        for word in [*before, last]:
            if whole and (word in BREAKS or (whole[-1].endswith(BREAKS) and word)):
                whole[-1] += word
            else:
                whole.append(word)
        own = "" if last in BREAKS else last
        self._seen_apart = whole[-1].removesuffix(own) if last else ""
        return whole[:-1], whole[-1]

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line for the script of Click; bash completes paths by itself."""
        if item.type != "plain" or item.is_path:
            return f"{'file' if item.is_path else item.type},{item.value}"
        apart = self._seen_apart
        # Of --gradient=ops.py: Click has taken the option away.
        for before in (apart, apart.partition("=")[2]):
            if item.value.startswith(before):
                return f"plain,{item.value.removeprefix(before)}"
        return f"plain,{item.value}"


add_completion_class(Bash)
