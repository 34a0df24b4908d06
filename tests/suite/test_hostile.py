"""Suite files from branches that nobody has read: what is small takes little time and memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradcheck.cli.vocabulary import vocabulary
from gradcheck.errors import SuiteError
from gradcheck.inputs import opening
from gradcheck.suite import reading
from gradcheck.suite.finding import find_suite
from gradcheck.suite.grid import unique
from gradcheck.suite.reading import Suite, read_suite
from gradcheck.suite.record import FOLDER, Record
from tests.inputs.test_hostile import NAME, quickly, quiet, within


def read(path: Path, content: str | None = None) -> Suite:
    """The suite in a file, after that was written."""
    if content is not None:
        path.write_text(content)
    return read_suite(path, vocabulary())


ONES = ", ".join(map(str, range(800)))
CHECK = '[[check]]\nlayer = "maxpool1d"\nx = "x.npy"\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a." * 5000 + "a = 1", "A key has more than 32 parts"),
        ("[" + "a." * 5000 + "a]", "A key has more than 32 parts"),
        (CHECK + "config = {" + '"a" . ' * 5000 + "b = 1}", "A key has more than 32 parts"),
        ("[[check]]\nname = 0x" + "f" * 5000, "A number has more than 3,000 digits"),
        ("a = " + "[" * 5000, "nested too deeply"),
        (
            CHECK + "".join(f"k{number} = 1\n" for number in range(5000)),
            "There is no key 'k99' for maxpool1d",
        ),
        (
            CHECK + "matrix = {seed = [" + "1," * 3000 + "1]}\n" + "".join(f"k{n} = 1\n" for n in range(30)),
            "There is no key 'k29' for maxpool1d",
        ),
        (CHECK * 100 + f"#{'x' * 2**20}", "it is longer than 1,048,576 bytes"),
    ],
    ids=["dots", "header", "inline", "digits", "arrays", "keys", "keys of a grid", "bytes"],
)
def test_a_small_file_takes_little(tmp_path: Path, content: str, words: str) -> None:
    with quickly(2), pytest.raises(SuiteError) as raised:
        read(tmp_path / "s.toml", content)
    assert words in str(raised.value)
    assert str(raised.value).count("\n") < 100


def test_a_grid_holds_its_tensors_once(tmp_path: Path) -> None:
    numbers = ", ".join(["1.5"] * 10_000)
    content = f'[[check]]\nlayer = "maxpool1d"\nx = [{numbers}]\nmatrix = {{seed = [{ONES}]}}\n'
    with within(2**24):
        assert len(read(tmp_path / "s.toml", content).jobs) == 800


def test_many_checks_of_one_target_are_named_in_no_time() -> None:
    with quickly(1):
        names = unique([("f", False)] * 20_000)
    assert [names[0], names[1], names[-1]] == ["f", "f#2", "f#20000"]


def test_a_suite_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHECKS", 1500)
    with pytest.raises(SuiteError, match=r"s.toml:5: The suite has more than 1,500 checks\. Split it\."):
        read(tmp_path / "s.toml", f"{CHECK}matrix = {{seed = [{ONES}]}}\n" * 3)


def test_a_link_to_a_device_without_end_is_read_no_further(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name in ("s.toml", "pyproject.toml", f"{FOLDER}/s.toml.json"):
        (tmp_path / name).symlink_to("/dev/zero")
    with within(2**23):
        with pytest.raises(SuiteError, match="is longer than"):
            read(tmp_path / "s.toml")
        assert not Record.read(tmp_path / "s.toml").entries
        assert find_suite(tmp_path) != tmp_path / "pyproject.toml"


def test_nobody_writing_into_a_pipe_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "s.toml")
    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    with pytest.raises(SuiteError, match="nobody has written into this pipe"):
        read(tmp_path / "s.toml")


@pytest.mark.parametrize("content", [None, "[[check]]", "a", "\udcff", CHECK + "k = 1", "[a"])
def test_a_name_is_said_without_what_a_terminal_obeys(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / f"{NAME}.toml"
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(SuiteError) as raised:
        read(path)
    quiet(str(raised.value))
