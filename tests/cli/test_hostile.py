"""Inputs from branches that nobody has read, through the command line: exit code 2, one sentence, no more."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from tests.inputs.reading import header_only
from tests.inputs.test_hostile import NAME, quiet

MEMORY = 2**21
"""KiB of address space: reading needs no TensorFlow."""


def run(*arguments: str) -> Result:
    """Run in this process."""
    return CliRunner().invoke(main, arguments, prog_name="gradcheck")


@pytest.mark.parametrize("kind", ["missing", "directory", "loop", "text"])
def test_a_name_does_not_speak_to_the_terminal(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{NAME}.npy"
    if kind == "directory":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "text":
        path.write_text("\x1b[31m")
    done = run("dense", "--x", str(path), "--w", "[[1.0]]")
    assert (done.exit_code, done.stdout) == (2, "")
    quiet(done.stderr.removesuffix("\n"))


def test_what_is_noted_of_a_file_does_not_speak_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.csv"
    path.write_text("1.5;2\n3;4\n")
    done = run("dense", "--x", str(path), "--w", "[[1.0]]")
    assert done.exit_code == 2
    note, error = done.stderr.splitlines()
    assert "read as shape (2, 2)" in quiet(note)
    assert "shape" in quiet(error)


def test_files_that_promise_or_never_end_take_no_memory_and_no_time(tmp_path: Path) -> None:
    """In a process that may have 2 GiB; the pipe is one of a shell's <(…)."""
    (tmp_path / "zero.npz").symlink_to("/dev/zero")
    (tmp_path / "wide.npy").write_bytes(header_only("(300000000,)", "<f8"))
    os.truncate(tmp_path / "wide.npy", 128 + 2_400_000_000)  # it takes no room on the disk
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x.npy", header_only("(1000000000000,)", "<f8", bytes(10**7)))
    code = "from gradcheck.__main__ import run; run()"
    texts = ["zero.npz", "wide.npy", "bomb.npz", "<(printf '1.5\\n\\x00')"]
    line = '{ timeout 20 "$0" -c "$1" dense --w 1 --x %s; echo "= $?"; } 2>&1\n'
    script = f"ulimit -v {MEMORY}\n" + "".join(line % text for text in texts)
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.splitlines()
    assert said[1::2] == ["= 2"] * len(texts), done.stdout
    assert all(quiet(line).startswith("error: --x ") for line in said[::2]), done.stdout
