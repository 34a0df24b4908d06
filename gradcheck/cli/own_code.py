"""The commands for what users bring: functions of their own, Keras layers and saved models."""

import functools
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gradcheck.arrays.types import Array
from gradcheck.cli.arguments import ByName, json_object, named_constant, named_tensor, once_each
from gradcheck.cli.completion import files, layers, losses, objects
from gradcheck.cli.given import backward_pass
from gradcheck.cli.group import main, note, write_out
from gradcheck.cli.help import TENSOR, option
from gradcheck.cli.options import TRACEBACK, Check, Common, common, common_but, gradient, tensor
from gradcheck.cli.tensors import arrays, build, constants, read, say
from gradcheck.errors import ExitCode, GradcheckError
from gradcheck.option import Section
from gradcheck.targets.structure import filled

FUNCTION = (
    "gradcheck function ops.py:my_gelu --arg x=normal:8x4",
    "gradcheck function ops.py:attend --arg q=q.npy --arg k=k.npy --const axis=-1",
    "gradcheck function net.py:loss --gradient net.py:backward --arg params/W1=w1.npy --arg x=x.npy",
)
LAYER = (
    'gradcheck layer Conv1D --config \'{"filters": 4, "kernel_size": 3}\' --x normal:2x8x3',
    "gradcheck layer layers.py:MyLayer --config '{\"units\": 3}' --x x.npy --weights w.npz",
)
MODEL = (
    "gradcheck model model.keras --x x.npy",
    "gradcheck model model.keras --x x.npy --y y.npy --loss mse",
)

OWN_GRADIENT = gradient(
    "Your own gradient for an input, held against both; or the backward pass of a pair in NumPy.",
    "NAME=TENSOR|FILE.py:NAME",
)
_X = option(
    "--x",
    metavar=TENSOR,
    multiple=True,
    required=True,
    section=Section.TENSORS,
    shell_complete=files,
    help="Input; repeat it for several: x1, x2, …, or by name as NAME=TENSOR.",
)
_NAMED = re.compile(r"([A-Za-z_]\w*)=(.+)")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_about = functools.partial(option, section=Section.CHECKS)
_TRAINING = _about("--training", is_flag=True, help="Call it in training mode.")


@main.command(cls=ByName, examples=FUNCTION)
@click.argument("function", metavar="FILE.py:NAME", shell_complete=objects)
@option(
    "--arg",
    type=named_tensor,
    multiple=True,
    callback=once_each,
    metavar="NAME=TENSOR",
    section=Section.TENSORS,
    shell_complete=files,
    help="Tensor for a parameter of the function, or params/W1=… for one in a dict; repeat it.",
)
@option(
    "--const",
    type=named_constant,
    multiple=True,
    callback=once_each,
    metavar="NAME=JSON|FILE",
    section=Section.TENSORS,
    help="Argument that is not differentiated, such as axis=-1 or y=y.npy; repeat it.",
)
@functools.partial(common_but, gradient=OWN_GRADIENT)
def function(options: Common, function: str, arg: dict[str, str], const: dict[str, Any]) -> Check:
    """Check a function of your own.

    FILE.py:NAME or package.module:NAME is a function that takes tensors and returns tensors, also under
    tf.custom_gradient or tf.function, or an object with __call__. The file is imported, which runs it. With
    --gradient FILE.py:NAME it takes and returns NumPy arrays in float64, and that function its gradients by
    name; --gradient NAME=TENSOR holds a gradient of your own against tape and differences.
    """
    from gradcheck.targets.spec import FunctionSpec

    gradient, given = backward_pass(options.gradient)
    options = replace(options, gradient=given)
    if gradient is not None and options.dtype not in ("auto", "float64"):
        raise click.UsageError(f"A pair in NumPy is checked in float64: leave --dtype {options.dtype} out.")

    labels = {name: f"--arg {name}" for name in arg}
    tensors = read(arg, options, labels, keep_integers=True)
    spec = FunctionSpec(
        function=function,
        tensors=arrays(tensors),
        constants=constants(const, options),
        gradient=gradient,
        wrt=options.settings.wrt,
    )
    return Check(build(spec, tensors, options).target, spec, options)


@main.command(examples=LAYER)
@click.argument("layer", metavar="LAYER", shell_complete=layers)
@_about(
    "--config",
    type=json_object,
    metavar="JSON",
    shell_complete=files,
    help="Arguments of the class: JSON, or a .json file.",
)
@_X
@tensor("mask", "Mask of 1 and 0, passed to the layer as mask.", required=False)
@option(
    "--weights",
    type=_FILE,
    metavar="FILE.npz",
    section=Section.TENSORS,
    help="Weights by name.  [default: freshly initialised]",
)
@_TRAINING
@common
def layer(options: Common, x: tuple[str, ...], mask: str | None, weights: Path | None, **rest: Any) -> Check:
    """Check a Keras layer and its weights.

    LAYER is a class of keras.layers (`gradcheck layers` lists them), or a class or layer of your own as
    FILE.py:NAME. Every floating input and every trainable weight is a variable. The layer is made once more
    at float64 for the comparison with differences.
    """
    from gradcheck.targets.spec import LayerSpec

    texts, labels = _inputs(x)
    tensors = read({**texts, "mask": mask}, options, labels, keep_integers=True)
    data = arrays(tensors)
    spec = LayerSpec(
        mask=data.pop("mask", None),
        tensors=data,
        weights=None if weights is None else _weights(weights, options),
        dtype=options.dtype,
        seed=options.settings.seed,
        **rest,
    )
    built = build(spec, tensors, options)
    if built.fresh:
        note(f"{weights} does not hold {', '.join(built.fresh)}: freshly initialised.", options.quiet)
    return Check(built.target, spec, options)


@main.command(examples=MODEL)
@click.argument("path", metavar="FILE.keras", type=click.Path(path_type=Path))
@_X
@option(
    "--y",
    metavar=TENSOR,
    multiple=True,
    section=Section.TENSORS,
    shell_complete=files,
    help="What the output should be: check the gradient of a loss. Repeat it for several outputs, in order "
    "or by name as NAME=TENSOR.",
)
@_about(
    "--loss",
    metavar="NAME",
    multiple=True,
    shell_complete=losses,
    help="A loss of Keras, such as mse, or FILE.py:NAME of (y, output); repeat it as --y.  [default: the "
    "model's own, or what it was compiled with]",
)
@tensor("sample-weight", "Weight of each sample in the loss.", required=False)
@_TRAINING
@_about("--unsafe", is_flag=True, help="Load Lambda layers, which runs code that is in the file.")
@_about(
    "--code",
    type=_FILE,
    multiple=True,
    metavar="FILE.py",
    help="File that registers classes of your own that the model needs; repeat it.",
)
@common
def model(
    options: Common,
    x: tuple[str, ...],
    y: tuple[str, ...],
    loss: tuple[str, ...],
    sample_weight: str | None,
    **described: Any,
) -> Check:
    """Check a saved Keras model.

    Every floating input and every trainable weight is a variable; the worst one comes first. Elements are
    listed only for those that do not pass; with --limit, for all of them.
    """
    from gradcheck.targets.spec import ModelSpec

    if not y and (loss or sample_weight is not None):
        raise click.UsageError("--loss and --sample-weight need --y, what the output should be.")
    texts, labels = _inputs(x)
    (truth, of_y), (losses, of_losses) = _by_output("--y", y), _by_output("--loss", loss)
    # By their labels, which are the name of no input.
    others = {**of_y, "--sample-weight": sample_weight}
    labels |= {label: label for label in others}
    tensors = read({**texts, **others}, options, labels, keep_integers=True)
    data = arrays(tensors)
    spec = ModelSpec(
        tensors={name: data[name] for name in texts},
        y=filled(truth, data) if y else None,
        loss=filled(losses, of_losses) if loss else None,
        sample_weight=data.get("--sample-weight"),
        named=_by_name("--x", x) is not None,
        **described,
    )
    built = build(spec, tensors, options)
    for name in built.indices:
        note(f"{name} holds the indices of an embedding: they are not differentiated.", options.quiet)
    limit = click.get_current_context().get_parameter_source("limit")
    return Check(built.target, spec, options, only_failing=limit is click.core.ParameterSource.DEFAULT)


@main.command("layers", examples=["gradcheck layers"])
@TRACEBACK
def list_layers(traceback: bool) -> ExitCode:
    """List the layers of Keras that `gradcheck layer` checks."""
    from gradcheck.runtime import load_tensorflow

    load_tensorflow()
    from gradcheck.targets.layer_class import layer_classes

    classes = layer_classes()
    width = max(map(len, classes))
    write_out("".join(f"{name:{width}}  {line}\n" for name, line in classes.items()))
    return ExitCode.PASS


def _inputs(x: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Texts and labels of the inputs by name: as they are named, or x, or x1, x2, …"""
    named = _by_name("--x", x)
    if named is not None:
        return named, {name: f"--x {name}" for name in named}
    if len(x) == 1:
        return {"x": x[0]}, {}
    names = [f"x{number}" for number in range(1, len(x) + 1)]
    return dict(zip(names, x, strict=True)), {name: f"--x ({name})" for name in names}


def _by_name(option: str, texts: tuple[str, ...]) -> dict[str, str] | None:
    """Texts of the form NAME=… by name; None unless all are of that form."""
    matches = (match for match in map(_NAMED.fullmatch, texts) if match and not Path(match[0]).exists())
    named = [(match[1], match[2]) for match in matches]
    if len(named) < len(texts):
        return None
    for name, count in Counter(name for name, _ in named).items():
        if count > 1:
            raise click.UsageError(f"{option} names {name!r} {count} times.")
    return dict(named)


def _by_output(option: str, texts: tuple[str, ...]) -> tuple[Any, dict[str, str]]:
    """What an option gives for the outputs of a model, with a label in place of each text: one for all, a
    dict of those that are named, or a list; and the texts by label."""
    named = _by_name(option, texts)
    if named is not None:
        labels = {name: f"{option} {name}" for name in named}
        return labels, {labels[name]: text for name, text in named.items()}
    if len(texts) == 1:
        return option, {option: texts[0]}
    numbered = [f"{option} ({number})" for number in range(1, len(texts) + 1)]
    return numbered, dict(zip(numbered, texts, strict=True))


def _weights(path: Path, options: Common) -> dict[str, Array]:
    from gradcheck.inputs.archive import array_names
    from gradcheck.inputs.kinds import Kind, kind_of
    from gradcheck.inputs.opening import opened

    with opened(str(path), f"--weights {path}") as source:
        if kind_of(source, path.suffix) is not Kind.NPZ:
            raise GradcheckError(
                f"--weights {path} is no .npz file.", "Save it with numpy.savez(file, kernel=…, bias=…)."
            )
        names = array_names(source)
    texts = {name: f"{path}:{name}" for name in names}
    weights = read(texts, options, {name: f"--weights {name}" for name in names})
    say(weights, options)
    return arrays(weights)
