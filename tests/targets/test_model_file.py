"""Model files that would run code, read other files or unpack to what no memory holds."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from gradcheck.errors import TargetError
from gradcheck.targets import model_file
from gradcheck.targets.model import compile_as_saved, load_model
from tests.inputs.seeds import archive, models
from tests.inputs.test_hostile import NAME, quiet


@pytest.fixture
def without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is refused by this package: old versions of Keras would run it."""

    def loaded(*_: Any, **__: Any) -> None:
        pytest.fail("Keras got the file")

    monkeypatch.setattr(keras.saving, "load_model", loaded)
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", loaded)


def changed(path: Path, **entries: Any) -> Path:
    """A saved model with other entries at the top of its configuration or in that of its last layer."""
    with zipfile.ZipFile(io.BytesIO(models()[0])) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    config = json.loads(members["config.json"])
    place = config if entries.keys() & config.keys() else config["config"]["layers"][1]["config"]
    place.update(entries)
    path.write_bytes(archive({**members, "config.json": json.dumps(config).encode()}))
    return path


def function(module: str, name: str) -> dict[str, Any]:
    """A function as Keras writes it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "os.system": (function("os", "system"), "the function 'system'"),
    "eval": (function("builtins", "eval"), "the function 'eval'"),
    "get_file": (function("keras.utils", "get_file"), "the function 'get_file'"),
    "unsafe": (function("keras.config", "enable_unsafe_deserialization"), "the function 'enable_unsafe"),
    "private": (function("keras.src.utils.file_utils", "get_file"), "the function 'get_file'"),
    "Popen": (
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["id"]}, "registered_name": None},
        "the class 'Popen'",
    ),
    "type": (
        {
            "class_name": "__typespec__",
            "spec_name": "x",
            "module": "os",
            "registered_name": None,
            "config": [],
        },
        "the class '__typespec__'",
    ),
    "saved": (
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}},
        "the file '/etc'",
    ),
    "lookup": (
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        "the file '/etc/passwd'",
    ),
}


@pytest.mark.usefixtures("without_keras")
@pytest.mark.parametrize("kind", FOREIGN)
def test_code_of_others_is_not_loaded(tmp_path: Path, kind: str) -> None:
    config, words = FOREIGN[kind]
    path = changed(tmp_path / "m.keras", activation=config)
    with pytest.raises(TargetError, match=f"needs code that is not loaded, {words}"):
        load_model(path)
    with pytest.raises(TargetError, match=f"cannot be loaded: {words}"):
        compile_as_saved(None, changed(path, compile_config={"loss": config}))


def test_code_of_keras_and_what_is_registered_is_loaded(tmp_path: Path) -> None:
    for module, name in (("builtins", "relu"), ("keras.ops", "tanh")):
        found = load_model(changed(tmp_path / "m.keras", activation=function(module, name)))
        assert found.layers[0].activation.__name__ == name
    path = changed(tmp_path / "m.keras", activation=function("own", "own_activation"))
    with keras.saving.custom_object_scope({"own_activation": abs}):
        assert load_model(path).layers[0].activation is abs
    with pytest.raises(TargetError, match=r"function 'own_activation'.*--code"):
        load_model(path)


@pytest.mark.usefixtures("without_keras")
def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """Of a member that is large, and of many that share their bytes."""
    path = tmp_path / "m.keras"
    path.write_bytes(archive({"config.json": bytes(model_file.SMALLEST + 1)}))
    with pytest.raises(TargetError, match="unpacks to 16,777,217 bytes, more than 100 for each"):
        load_model(path)


@pytest.mark.usefixtures("without_keras")
@pytest.mark.parametrize("name", ["m.h5", "m.hdf5", "m.zip", "pipe.keras", "folder.keras"])
def test_only_files_called_keras_reach_keras(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "pipe.keras":
        os.mkfifo(path)
    elif name == "folder.keras":
        path.mkdir()
    else:
        path.write_bytes(models()[0])
    with pytest.raises(TargetError, match=r"is no \.keras file"):
        load_model(path)


@pytest.mark.usefixtures("without_keras")
@pytest.mark.parametrize("config", [b"[]", b"{", b"[" * 100_000, b"\xff", None])
def test_a_damaged_configuration_is_refused(tmp_path: Path, config: bytes | None) -> None:
    path = tmp_path / f"{NAME}.keras"
    path.write_bytes(archive({"config.json": config} if config is not None else {"a": b""}))
    with pytest.raises(TargetError, match=r"is a truncated or corrupt \.keras file") as raised:
        load_model(path)
    quiet(str(raised.value))


def test_nothing_is_unpacked_outside(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(models()[0])) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "m.keras").write_bytes(
        archive({**members, "assets/../../../evil": b"", f"{tmp_path}/evil": b""})
    )
    load_model(folder / "m.keras")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "m.keras"]
