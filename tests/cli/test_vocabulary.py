"""The words of a suite file are those of the commands."""

from __future__ import annotations

import re

from gradcheck.cli.vocabulary import vocabulary
from gradcheck.settings import OPTIONS
from gradcheck.suite.vocabulary import Entry

FILES = {"y.npy", "a/y.csv.gz", "y.npz:labels", "Y.MAT"}
TEXTS = {"valid", "y.npyx", "3", "y.json"}


def told(entry: Entry) -> str:
    """What an option takes, in words."""
    words = {
        "flag": entry.flag,
        "repeated": entry.repeated,
        "pairs": entry.pairs and not entry.named,
        "named": entry.pairs and entry.named,
        "tensor": entry.tensor,
        "json": entry.json,
    }
    return " ".join([entry.option, *(word for word, known in words.items() if known)])


COMMON = {"gradient": "--gradient repeated named tensor", "upstream": "--upstream tensor", "dtype": "--dtype"}
TENSORS = {name: f"--{name} tensor" for name in ("x", "w", "b")}
POOLING = {
    "x": "--x tensor",
    "pool_size": "--pool-size",
    "strides": "--strides",
    "padding": "--padding",
    "data_format": "--data-format",
}
EXPECTED: dict[str, dict[str, str]] = {
    "dense": {**TENSORS, "activation": "--activation"},
    "maxpool1d": POOLING,
    "avgpool1d": POOLING,
    "layer": {
        "config": "--config json",
        "x": "--x repeated pairs tensor",
        "mask": "--mask tensor",
        "weights": "--weights",
        "training": "--training flag",
    },
    "function": {"args": "--arg repeated named tensor", "consts": "--const repeated named json"},
    "model": {
        "x": "--x repeated pairs tensor",
        "y": "--y repeated pairs tensor",
        "loss": "--loss repeated pairs",
        "sample_weight": "--sample-weight tensor",
        "training": "--training flag",
        "unsafe": "--unsafe flag",
        "code": "--code repeated",
    },
}
SETTINGS = {
    "strict": "--strict flag",
    "where": "--where flag",
    "check_pfor": "--check-pfor flag",
    "wrt": "--wrt repeated",
    "execution": "--execution repeated",
}


def test_every_option_of_a_command_is_a_key() -> None:
    """But for those on how reports are shown and written."""
    settings = {name: SETTINGS.get(name, f"--{name.replace('_', '-')}") for name in OPTIONS}

    found = {
        name: {key: told(entry) for key, entry in command.entries.items()}
        for name, command in vocabulary().commands.items()
    }

    assert found.keys() == EXPECTED.keys()
    for name, options in EXPECTED.items():
        assert found[name] == {**COMMON, "limit": "--limit", "timeout": "--timeout", **settings, **options}, (
            name
        )


def test_the_targets_are_those_of_the_commands_that_take_one() -> None:
    assert vocabulary().targets == ("layer", "function", "model")


def test_what_concerns_the_report_is_for_the_run() -> None:
    expected = {"format", "json", "output", "save", "quiet", "traceback", "no_timing", "dask"}

    assert expected <= vocabulary().of_the_run
    assert not vocabulary().of_the_run & {"limit", *OPTIONS}


def test_constants_that_name_files_are_told_from_text() -> None:
    files = vocabulary().commands["function"].entries["consts"].files

    assert isinstance(files, re.Pattern)
    assert {text for text in FILES | TEXTS if files.fullmatch(text)} == FILES
