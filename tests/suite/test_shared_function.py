"""The function of a check as a value: another process finds its files, and evaluates it bit for bit alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradcheck.errors import GradcheckError
from gradcheck.function.primal import Primal
from gradcheck.suite.files import Files
from gradcheck.suite.shared_function import SharedFunction
from tests.suite.shared import FILE, network


def of(folder: Path, name: str = "loss") -> SharedFunction:
    """The function of a network in a folder, the working directory"""
    (folder / "shared_file.py").write_text(FILE)
    spec = network(name, 3)
    primal = Primal(spec.build().target, list(spec.tensors), "float64")
    return SharedFunction.of(spec, None, primal, np.asarray(primal.at_point()))


def test_files_travel_where_they_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("A = 1")
    function = of(tmp_path)
    with function.files.placed() as (folder, _):
        assert folder == str(tmp_path)
    for changed in ("changed", None):
        (tmp_path / "shared_file.py").unlink()
        if changed is not None:
            (tmp_path / "shared_file.py").write_text(changed)

        with function.files.placed() as (folder, _):
            assert Path(folder, "shared_file.py").read_text() == FILE
            assert Path(folder, "helper.py").read_text() == "A = 1"
        assert not Path(folder).exists()
        with function.posed() as primal:
            assert np.array_equal(primal.at_point(), function.base)


def test_a_file_outside_of_the_folder_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = Files(str(tmp_path), {"../outside.py": (0, "")}, {"../outside.py": b"A = 1"})
    outside = replace(of(tmp_path), files=elsewhere)

    with pytest.raises(GradcheckError, match=r"\.\./outside\.py cannot be read"), outside.posed():
        pass


def test_a_function_that_is_another_one_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit: the base is off by its last one."""
    monkeypatch.chdir(tmp_path)
    function = of(tmp_path)
    another = replace(function, base=np.nextafter(function.base, np.inf))

    with pytest.raises(GradcheckError, match="not the same in a worker process"), another.posed():
        pass
