"""Where documents go: what must not be overwritten, what is written to, and what a file keeps."""

from __future__ import annotations

import io
import os
import resource
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from gradcheck.cli.outputs import Place
from tests.hand_made import ALL
from tests.parameters import every, named

DENSE = ["dense", "--x", "x.npy", "--w", "w.npy"]
OLD = "an old report\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with two tensors, in which every check passes without being made."""
    np.save(tmp_path / "x.npy", np.ones((2, 2), np.float32))
    np.save(tmp_path / "w.npy", np.ones((2, 1), np.float32))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gradcheck.checking.check_target", lambda *_, **__: ALL["pass"]())
    yield tmp_path


def run(*arguments: str, code: int = 0, **extra: Any) -> Result:
    result = CliRunner().invoke(main, arguments, prog_name="gradcheck", **extra)
    assert result.exit_code == code, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def refusal(*arguments: str, **extra: Any) -> str:
    """What is said with exit code 2; no file has changed, and none was made."""
    before = contents()
    result = run(*arguments, code=2, **extra)
    assert contents() == before
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def contents() -> dict[str, Any]:
    """Every file here by name: its content where it has one, else its kind."""
    files = {path.name: path.lstat() for path in Path().iterdir()}
    return {
        name: Path(name).read_bytes() if stat.S_ISREG(found.st_mode) else stat.S_IFMT(found.st_mode)
        for name, found in files.items()
    }


def made(path: str) -> bool:
    """Whether a report is there."""
    return Path(path).read_text(encoding="utf-8").startswith("gradcheck dense\n")


# What must not be overwritten.

INPUTS: list[list[str]] = [
    [*DENSE, "--output", "x.npy"],
    [*DENSE, "--save", "w.npy"],
    [*DENSE, "--output", "./x.npy"],
    [*DENSE, "--output", "link"],
    [*DENSE, "--output", "hard"],
    ["dense", "--x", "link", "--w", "w.npy", "--output", "x.npy"],
    ["dense", "--x=x.npy", "--w=w.npy", "--output=x.npy"],
    [*DENSE, "--upstream", "r.npy", "--output", "r.npy"],
    [*DENSE, "--gradient", "w=g.npy", "--output", "g.npy"],
    ["dense", "--x", "both.npz:x", "--w", "w.npy", "--save", "both.npz"],
    ["function", "code.py:f", "--arg", "x=x.npy", "--output", "x.npy"],
    ["function", "code.py:f", "--arg", "x=both.npz:x", "--output", "both.npz"],
    ["function", "code.py:f", "--arg", "x=x.npy", "--output", "code.py"],
    ["function", "code.py:f", "--gradient", "back.py:b", "--arg", "x=x.npy", "--output", "back.py"],
    ["layer", "Dense", "--config", "config.json", "--x", "x.npy", "--output", "config.json"],
    ["layer", "Dense", "--x", "left=x.npy", "--output", "x.npy"],
    ["layer", "Dense", "--x", "x.npy", "--weights", "both.npz", "--save", "both.npz"],
    ["model", "model.keras", "--x", "x.npy", "--output", "model.keras"],
    ["model", "model.keras", "--x", "x.npy", "--code", "code.py", "--output", "code.py"],
]


@pytest.mark.parametrize("arguments", named(INPUTS, " ".join, every(3)))
def test_an_input_is_never_overwritten(arguments: list[str]) -> None:
    for name in ("r.npy", "g.npy", "both.npz", "code.py", "back.py", "model.keras"):
        Path(name).write_bytes(b"")
    Path("config.json").write_text('{"units": 3}')
    os.symlink("x.npy", "link")
    os.link("x.npy", "hard")
    text = refusal(*arguments)
    assert text.startswith(
        f"error: {' '.join(arguments[-2:]) if '=' not in arguments[-1] else '--output x.npy'}"
    )
    assert " would overwrite " in text
    assert "which is read. Choose another file." in text


def test_an_input_from_the_environment_or_standard_input_is_no_output_either() -> None:
    assert "would overwrite --x x.npy" in refusal(
        "dense", "--w", "w.npy", "--output", "x.npy", env={"GRADCHECK_X": "x.npy"}
    )
    assert "would overwrite --x x.npy" in refusal(*DENSE, env={"GRADCHECK_OUTPUT": "x.npy"})


def test_two_documents_do_not_go_to_one_place() -> None:
    for second in ("f", "./f", "link"):
        if second == "link":
            os.symlink("f", "link")
        text = refusal(*DENSE, "--output", "f", "--save", second)
        assert f"--output f and --save {second} are one place, which holds one document." in text
    assert "standard output and --save - are one place" in refusal(*DENSE, "--save", "-")


# What cannot be written is said before the check.


@pytest.mark.parametrize("option", ["--output", "--save"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", " is empty text. Name a file, or - for standard output."),
        (" ", " is empty text. Name a file, or - for standard output."),
        (".", " . is a directory. Name a file in it."),
        ("new/", " new/ names a folder. Name a file in it."),
        ("gone/report", "The folder 'gone' of "),
        ("x.npy/report", "cannot be written: Not a directory."),
        ("a" * 300, "cannot be written: File name too long. Choose another file."),
        ("read-only", "cannot be written: it is read-only (mode 444). Choose another file."),
        ("loop", "cannot be written: Too many levels of symbolic links. Choose another file."),
        ("dangling", "/gone' of "),
        ("/dev/fd/987", "cannot be written: Bad file descriptor. Choose another file."),
    ],
)
def test_a_place_that_cannot_be_written(
    option: str, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the check was made first")

    monkeypatch.setattr("gradcheck.checking.check_target", never)
    Path("read-only").write_text(OLD)
    Path("read-only").chmod(0o444)
    os.symlink("loop", "loop")
    os.symlink("gone/report", "dangling")
    assert words in refusal(*DENSE, option, name)


# What is written to.


def test_standard_output_is_written_by_each_of_its_names() -> None:
    shown = run(*DENSE).stdout
    # As /dev/stdout is one, which a mistake could replace.
    os.symlink("/proc/self/fd/1", "link")
    for name in ("-", "/dev/fd/1", "/proc/self/fd/1", "link"):
        assert run(*DENSE, "--output", name).stdout == shown
    assert Path("link").is_symlink()
    assert run(*DENSE, "--output", "-", "--quiet").stdout == shown


def test_arrays_go_to_standard_output_too() -> None:
    for more in (["--quiet"], ["--output", "report"]):
        saved = np.load(io.BytesIO(run(*DENSE, "--save", "-", *more).stdout_bytes))
        assert "x.tape" in saved
    assert made("report")


def test_an_open_stream_is_written_to() -> None:
    """As of `--output >(gzip > report.gz)` and `3> report`, where the shell has opened it."""
    with open("report", "w+") as stream:
        stream.write("before\n")
        stream.flush()
        run(*DENSE, "--output", f"/dev/fd/{stream.fileno()}")
    first, *rest = Path("report").read_text(encoding="utf-8").splitlines()
    assert (first, rest[0]) == ("before", "gradcheck dense")


def test_a_fifo_is_written_to() -> None:
    os.mkfifo("fifo")
    read: list[str] = []
    reader = threading.Thread(
        target=lambda: read.append(Path("fifo").read_text(encoding="utf-8")), daemon=True
    )
    reader.start()
    run(*DENSE, "--output", "fifo")
    reader.join(10)
    assert read[0].startswith("gradcheck dense\n")
    assert stat.S_ISFIFO(Path("fifo").stat().st_mode)


def test_a_device_is_written_to() -> None:
    try:
        os.mknod("null", stat.S_IFCHR | 0o666, os.stat(os.devnull).st_rdev)
        os.mknod("full", stat.S_IFCHR | 0o666, os.stat("/dev/full").st_rdev)
    except OSError:
        pytest.skip("only the superuser makes devices")
    run(*DENSE, "--output", "null", "--save", "null")
    result = run(*DENSE, "--save", "full", code=2)
    assert (
        result.stderr
        == "error: --save full cannot be written: No space left on device. Choose another file.\n"
    )
    assert result.stdout.startswith("gradcheck dense\n")  # the report is not lost as well
    assert all(stat.S_ISCHR(Path(name).stat().st_mode) for name in ("null", "full"))


def test_a_home_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    run(*DENSE, "--output=~/report")
    assert made("home/report")


# What a file keeps.


def test_the_target_of_a_symbolic_link_is_written() -> None:
    Path("real").write_text(OLD)
    os.symlink("real", "link")
    os.symlink("new", "dangling")
    for link, real in (("link", "real"), ("dangling", "new")):
        run(*DENSE, "--output", link)
        assert Path(link).is_symlink()
        assert made(real)


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_the_mode_is_kept(mode: int) -> None:
    Path("report").write_text(OLD)
    Path("report").chmod(mode)
    run(*DENSE, "--output", "report")
    assert made("report")
    assert stat.S_IMODE(Path("report").stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_new_files() -> None:
    Path("touched").touch()
    run(*DENSE, "--output", "report")
    assert Path("report").stat().st_mode == Path("touched").stat().st_mode


def test_hard_links_and_owner_are_kept() -> None:
    Path("report").write_text(OLD * 1000)
    os.link("report", "other")
    run(*DENSE, "--output", "report")
    assert made("other")
    assert OLD not in Path("other").read_text(encoding="utf-8")
    assert Path("report").stat().st_nlink == 2
    if os.geteuid() == 0:
        Path("theirs").write_text(OLD)
        os.chown("theirs", 12345, 12345)
        run(*DENSE, "--output", "theirs")
        assert made("theirs")
        assert (Path("theirs").stat().st_uid, Path("theirs").stat().st_gid) == (12345, 12345)


def test_a_file_is_replaced_in_one_move() -> None:
    """Whoever has the old report open reads it to its end."""
    Path("report").write_text(OLD)
    with open("report") as reader:
        run(*DENSE, "--output", "report")
        assert reader.read() == OLD
    assert made("report")


@pytest.mark.parametrize("linked", [False, True])
def test_a_report_that_has_no_place_leaves_the_old_one(linked: bool, folder: Path) -> None:
    """A limit on the size of files stands for a full disk: a part is written first."""
    Path("report").write_text(OLD)
    if linked:
        os.link("report", "other")
    names = sorted(path.name for path in folder.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
    try:
        result = run(*DENSE, "--output", "report", code=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.stderr == "error: --output report cannot be written: File too large. Choose another file.\n"
    assert Path("report").read_text() == OLD
    assert sorted(path.name for path in folder.iterdir()) == names


def test_looking_at_a_place_leaves_nothing_behind(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert Place.of("--save", "arrays.npz").refusal() is None
    assert sorted(path.name for path in folder.iterdir()) == names
