"""The recipes of the README for CI: each fails exactly where `gradcheck run` does, and its report is there.

What each service makes of its file, a shell makes here: GitHub runs each `run` by `bash -e`, GitLab all lines
of `script` in one shell that stops at the first that fails, pre-commit an `entry` without a shell. By default
they run with a program that ends as it is told to; with --full with gradcheck itself.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gradcheck.cli import main
from tests.test_readme import blocks

ROOT = Path(__file__).parent.parent
FILE = re.compile(r"# ([\w./-]+)\n")
REPORT = "report.xml"
SUITES = {
    True: 'function = "ops.py:attend"\nargs = {q = "normal:3x2", k = "normal:5x2"}',
    False: 'function = "ops.py:my_gelu"\nargs = {x = "normal:4x3"}',
}
"""The table of a check by whether the gradient is right."""
TOLD = """#!/bin/sh
echo "$@" >> told.log
for word do case $word in junit=*) echo '<testsuites/>' > "${word#junit=}" ;; esac; done
echo 'a report'
exit "$ENDS"
"""
"""A gradcheck that writes what it is asked for and ends with the code in $ENDS."""


def recipes() -> dict[str, str]:
    """The blocks of the README that are files, by their names."""
    found = [body for language in ("yaml", "make", "bash") for body in blocks(language)]
    return {named[1]: body for body in found if (named := FILE.match(body))}


WORKFLOW, GITLAB, HOOKS = ".github/workflows/gradients.yml", ".gitlab-ci.yml", ".pre-commit-config.yaml"
MAKE, SCRIPT = "Makefile", "gradients.sh"
RECIPES = (WORKFLOW, GITLAB, HOOKS, MAKE, SCRIPT)


def parsed(name: str) -> Any:
    return yaml.safe_load(recipes()[name])


def steps() -> list[dict[str, Any]]:
    (job,) = parsed(WORKFLOW)["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def hook() -> dict[str, Any]:
    (found,) = parsed(HOOKS)["repos"][0]["hooks"]
    return dict(found)


def processes(name: str) -> list[list[str]]:
    """The processes that a recipe starts, one after the other until one fails."""
    if name == WORKFLOW:
        return [["bash", "-e", "-c", step["run"]] for step in steps() if "run" in step]
    if name == GITLAB:
        return [["bash", "-c", "\n".join(["set -eo pipefail", *parsed(GITLAB)["gradients"]["script"]])]]
    if name == HOOKS:
        return [shlex.split(hook()["entry"])]
    return [["make", "gradients"]] if name == MAKE else [["bash", SCRIPT]]


@dataclass(frozen=True)
class Folder:
    """A repository of somebody who has copied all recipes."""

    path: Path

    def program(self, name: str, text: str) -> None:
        """Put a program on the path."""
        made = self.path / "bin" / name
        made.parent.mkdir(exist_ok=True)
        made.write_text(text)
        made.chmod(0o755)

    def run(self, name: str, ends: int = 0) -> subprocess.CompletedProcess[str]:
        """What became of the last process of a recipe that was started."""
        path = f"{self.path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "ENDS": str(ends), "PYTHONPATH": str(ROOT)}
        for process in processes(name):
            done = subprocess.run(
                process, cwd=self.path, env=env, capture_output=True, text=True, timeout=300
            )
            if done.returncode:
                break
        return done


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    for name, body in recipes().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(body)
    (tmp_path / "requirements.txt").write_text("gradcheck\n")
    (tmp_path / "ops.py").write_text(next(body for body in blocks("python") if body.startswith("# ops.py")))
    made.program("pip", '#!/bin/sh\ntest "$1 $2" = "install -r" && test -s "$3"\n')
    return made


def test_all_recipes_are_in_the_readme() -> None:
    assert set(RECIPES) <= recipes().keys()
    lines = sum(body.count("\n") + 2 for name, body in recipes().items() if name in RECIPES)
    assert lines < 60


def test_files_name_what_their_services_read() -> None:
    assert all(("run" in step) != ("uses" in step) for step in steps())
    *_, upload = steps()
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert (upload["if"], upload["with"]["path"]) == ("always()", REPORT)
    # GitLab takes reports of a job that failed only then.
    assert parsed(GITLAB)["gradients"]["artifacts"] == {"when": "always", "reports": {"junit": REPORT}}
    assert hook().keys() >= {"id", "name", "entry", "language"}
    # The names of changed files would be taken for a suite.
    assert (hook()["language"], hook()["pass_filenames"]) == ("system", False)
    assert parsed(HOOKS)["repos"][0]["repo"] == "local"


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_of_a_recipe_exists(name: str) -> None:
    commands = re.findall(
        r"(?:^|- run: |    - |entry: |\t)(gradcheck [^|,#\n]+)", recipes()[name], re.MULTILINE
    )
    assert len(commands) == 1, recipes()[name]
    program, command, *words = shlex.split(commands[0])
    with click.Context(main, info_name=program, **main.context_settings) as context:
        given = main.commands[command].make_context(command, words, parent=context).params
    assert given["file"] is None
    assert given["output"] == (() if name == HOOKS else (f"junit={REPORT}",))


@pytest.mark.parametrize("code", [0, 1, 2, 3])
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_ends_as_the_check_does(name: str, code: int, folder: Folder) -> None:
    if name == MAKE and shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder.program("gradcheck", TOLD)
    for made_before in (REPORT, "gradients"):  # by which make must not take it for done
        (folder.path / made_before).write_text("of yesterday")

    done = folder.run(name, ends=code)

    assert (done.returncode != 0) == (code != 0), done.stdout + done.stderr
    assert done.returncode == code or name == MAKE  # which has codes of its own
    assert (folder.path / "told.log").read_text().splitlines()[0].startswith("run")
    assert name == HOOKS or (folder.path / REPORT).read_text() == "<testsuites/>\n"
    if name == SCRIPT:
        assert (folder.path / "gradients.txt").read_text() == "a report\n"
        said = ["right", "wrong: see gradients.txt", "not all could be judged", "not all could be judged"]
        assert done.stdout.splitlines()[-1] == said[code]


def in_full(name: str, right: bool) -> Any:
    """A plain run has none with gradcheck itself: each takes as long as the import of TensorFlow."""
    return pytest.param(name, right, marks=pytest.mark.full)


@pytest.mark.parametrize(("name", "right"), [in_full(name, right) for name in RECIPES for right in SUITES])
def test_a_recipe_finds_a_wrong_gradient(name: str, right: bool, folder: Folder) -> None:
    if name == MAKE and shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder.program("gradcheck", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gradcheck "$@"\n')
    (folder.path / "gradcheck.toml").write_text(f"[[check]]\n{SUITES[right]}\n")

    done = folder.run(name)

    assert (done.returncode == 0) == right, done.stdout + done.stderr
    if name != HOOKS:
        report = (folder.path / REPORT).read_text()
        assert ("<failure" in report) == (not right)
        assert 'tests="1"' in report
    if name == WORKFLOW:
        assert ("::error " in done.stdout) == (not right)


def test_pre_commit_takes_the_file(folder: Folder) -> None:
    if shutil.which("pre-commit") is None:
        pytest.skip("pre-commit is not installed")
    subprocess.run(["pre-commit", "validate-config", HOOKS], cwd=folder.path, check=True)
