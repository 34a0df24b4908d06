"""The rules of the house: what imports what, what is a value, what a check may spend, how long anything is.

The message of each test names the offenders.
"""

from __future__ import annotations

import ast
import itertools
import pickle
import statistics
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Report, check
from gradcheck.amounts import Budget
from gradcheck.arrays.streams import Stream
from gradcheck.checking import check_target
from gradcheck.checks import elementwise, orders
from gradcheck.progress import Forecast, Progress
from gradcheck.settings import Execution, Mode, Settings
from gradcheck.targets.function import Target
from gradcheck.verdicts.outcome import Outcome
from tests.corpus.case import Array, Broken, Function, distorted, one_element, scaled
from tests.hand_made import ALL
from tests.parameters import among, named
from tests.posed import posed
from tests.saying import normal
from tests.syntax import (
    MODULES,
    PACKAGE,
    ROOT,
    at,
    computed_names,
    functions,
    imports,
    inner,
    place,
    searched_notes,
    top,
    tree,
)

FLOORS = {
    **dict.fromkeys(
        ("amounts", "errors", "notes", "option", "progress", "runtime", "settings", "signature"), 0
    ),
    **dict.fromkeys(("version", "replacing", "arrays"), 0),
    **dict.fromkeys(("inputs", "targets"), 1),
    "function": 2,
    "sparsity": 3,
    "differences": 4,
    "verdicts": 5,
    **dict.fromkeys(("checks", "report"), 6),
    "render": 7,
    **dict.fromkeys(("__init__", "public", "checking", "procedure", "suite", "sweeping", "variables"), 8),
    **dict.fromkeys(("cli", "__main__", "pytest_plugin"), 9),
}
"""Every folder, and every module that lies beside the folders."""
MOST_FLOORS = 10
LONGEST_CHAIN = 17
"""Modules of which each imports the next."""
OF_AN_EXTRA = {"scipy", "distributed", "matplotlib", "plotille", "pytest"}
DEPENDENCIES = {"tensorflow", "keras", "numpy", "click", "rich", "gradcheck", "ml_dtypes", *OF_AN_EXTRA}
"""What a process may import besides Python's own library; some of it where an extra is installed."""


def floor(name: str) -> int:
    """The floor of a module."""
    return FLOORS[place(name)]


def on_floors(lowest: int, highest: int) -> list[str]:
    """The modules of some floors."""
    return [name for name in MODULES if lowest <= floor(name) <= highest]


# 1. Floors.


def test_every_module_has_a_floor_and_there_are_at_most_ten() -> None:
    assert {place(name) for name in MODULES} == FLOORS.keys()
    assert set(FLOORS.values()) == set(range(max(FLOORS.values()) + 1))
    assert max(FLOORS.values()) < MOST_FLOORS


def test_a_folder_imports_lower_floors_only() -> None:
    """What lies beside the folders is one folder a floor; the entry point belongs to the command line."""

    def folder(name: str) -> str:
        if name in ("gradcheck.__main__", "gradcheck.pytest_plugin"):
            return "cli"
        return f"beside, {floor(name)}" if MODULES[name].parent == PACKAGE else place(name)

    assert [
        f"{name} imports {imported}"
        for name in MODULES
        for imported in sorted(inner(name))
        if floor(imported) >= floor(name) and folder(imported) != folder(name)
    ] == []


def test_folders_and_modules_form_no_cycle() -> None:
    folders: dict[str, set[str]] = {}
    for name in MODULES:
        known = folders.setdefault(place(name), set())
        known |= {place(imported) for imported in inner(name)} - {place(name)}
    modules = {name: set(inner(name)) for name in MODULES}

    assert cycle(folders) == []
    assert cycle(modules) == []


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """What is left when whatever imports nothing that is left is taken away, again and again."""
    left = dict(graph)
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_the_longest_chain_of_imports_is_short() -> None:
    @cache
    def chain(name: str) -> tuple[str, ...]:
        return (name, *max(map(chain, inner(name)), key=len, default=()))

    longest = max(map(chain, MODULES), key=len)
    assert len(longest) <= LONGEST_CHAIN, f"{len(longest)} modules: {' → '.join(longest)}"


def test_the_dependencies_are_those_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    known = DEPENDENCIES | set(sys.stdlib_module_names)

    assert sorted(line.partition(">")[0] for line in declared) == ["click", "numpy", "rich", "tensorflow"]
    assert [(name, used) for name in MODULES for used in imports(name) if top(used) not in known] == []


# 2. Verdicts are values.


def in_float32(value: Any) -> Any:
    """Rounded to float32 and back"""
    return tf.cast(tf.cast(value, tf.float32), value.dtype)


MIXING = normal(30, 3)
OUTCOMES: dict[str, tuple[Function, Array, Settings]] = {
    "right": (tf.sin, normal(4, 5), Settings()),
    "wrong": (distorted(tf.sin, one_element(1.1)), normal(9), Settings()),
    "corners": (lambda x: tf.nn.relu(x) @ MIXING, np.zeros((2, 30)), Settings()),
    "wrong corners": (distorted(tf.nn.relu, scaled(3.0)), np.array([0.0, 1.0]), Settings()),
    "a term rounded": (lambda x: tf.sin(x) + in_float32(tf.cos(x) + 2), normal(5), Settings()),
    "a budget": (
        distorted(lambda x: x @ MIXING, scaled(1.1)),
        normal(4, 30),
        Settings(budget=Budget(20, "")),
    ),
    "orders": (lambda x: tf.nn.relu(x), np.array([-1.0, 0.0, 1.0]), Settings(order=2)),
    "own dtype": (lambda x: tf.sqrt(x * x + 1e-60), np.arange(3, dtype=np.float32), Settings()),
}
"""What gives outcomes in every way: plainly, by opinions, twice, under a budget, at two orders."""
LIKE_ANOTHER = {"corners", "wrong corners", "own dtype"}
"""Those whose outcomes come about as another's do: with --full only."""


def outcomes(name: str) -> Sequence[Outcome]:
    """One outcome for each order."""
    function, x, settings = OUTCOMES[name]
    problem = posed(function, settings, x=x)
    climbed, _ = orders.climb(elementwise.check(problem, Progress()), elementwise.check, Progress())
    assert len(climbed) == settings.order
    return climbed


@pytest.mark.parametrize("name", named(OUTCOMES, str, lambda _, name: name not in LIKE_ANOTHER))
def test_the_arrays_of_an_outcome_are_read_only(name: str) -> None:
    for outcome in outcomes(name):
        for variable in outcome.variables:
            assert len(fields(variable.judgement)) >= 8
            for field in fields(variable.judgement):
                array = getattr(variable.judgement, field.name)
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0
                assert not array.flags.writeable, field.name


ASSIGNED = {
    ("gradcheck.signature", "function.__doc__"): "a decorator documents what it decorates",
    ("gradcheck.cli.process", "sys.stdin"): "what the shell has closed is opened, before anything runs",
    ("gradcheck.cli.process", "sys.stdout"): "the same",
    ("gradcheck.cli.process", "sys.stderr"): "what nobody can read fails nothing",
    ("gradcheck.suite.remote", "multiprocessing.current_process().daemon"): "only so may it start a process",
    ("gradcheck.pytest_plugin", "session.exitstatus"): "so a plugin tells pytest that it has failed",
    ("gradcheck.targets.layer_class", "other.trainable"): "a copy that nobody else has yet",
}
"""Assignments to what is not `self`, and why each edits no value that somebody else holds."""


def test_nothing_assigns_to_an_attribute_of_anything_but_self() -> None:
    found = {
        (name, ast.unparse(node)): at(name, node)
        for name in MODULES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }

    assert [where for key, where in found.items() if key not in ASSIGNED] == []
    assert found.keys() == ASSIGNED.keys(), "an exception that is none any more"


# 3. No computed names.


def test_no_attribute_is_reached_by_a_computed_name() -> None:
    assert [at(name, node) for name in on_floors(2, 6) for node in computed_names(name)] == []


# 4. Notes are values.


def test_notes_are_neither_searched_nor_cut() -> None:
    assert [at(name, node) for name in on_floors(5, 8) for node in searched_notes(name)] == []


# 5. Random draws.


def test_random_draws_come_from_one_module() -> None:
    """`np.random.Generator` is a type; everything else of a module for random numbers draws."""
    offenders = []
    for name in MODULES.keys() - {"gradcheck.arrays.streams"}:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                words = [str(getattr(node, "module", "")), *(alias.name for alias in node.names)]
                if {"random", "secrets"} & set(".".join(words).split(".")):
                    offenders.append(at(name, node))
            if isinstance(node, ast.Attribute):
                whole = ast.unparse(node)
                if whole.startswith(("np.random.", "tf.random.")) and whole != "np.random.Generator":
                    offenders.append(at(name, node))
    assert not offenders, "\n".join(offenders)


def test_every_stream_is_drawn_from_in_one_module() -> None:
    used = Counter(
        (node.attr, name)
        for name in MODULES.keys() - {"gradcheck.arrays.streams"}
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "Stream"
    )
    modules = Counter(stream for stream, _ in used)

    assert {stream.name: modules[stream.name] for stream in Stream if modules[stream.name] != 1} == {}


# 6. No bool by position.


def test_no_parameter_takes_a_bool_by_position() -> None:
    offenders = []
    for name in on_floors(2, 6):
        for function in functions(name):
            parameters = [*function.args.posonlyargs, *function.args.args]
            defaults = [*[None] * (len(parameters) - len(function.args.defaults)), *function.args.defaults]
            for parameter, default in zip(parameters, defaults, strict=True):
                names = {node.id for node in ast.walk(parameter) if isinstance(node, ast.Name)}
                if names == {"bool"} or isinstance(getattr(default, "value", None), bool):
                    offenders.append(f"{at(name, function)} takes {parameter.arg}")
        offenders += [
            at(name, node)
            for node in ast.walk(tree(name))
            if isinstance(node, ast.Call)
            and any(isinstance(getattr(argument, "value", None), bool) for argument in node.args)
        ]
    assert not offenders, "\n".join(offenders)


# 8. Pickles.


def test_settings_and_reports_survive_pickling() -> None:
    whole = Settings(
        rtol=1e-3,
        wrt=("x",),
        budget=Budget(60, "s"),
        memory=2**30,
        mode=Mode.BOTH,
        execution=(Execution.GRAPH,),
    )
    made: list[Report] = [replace(make(), limit=0) for make in ALL.values()]
    wrong = distorted(lambda x: tf.sin(x) @ normal(3, 3), one_element(2.0))
    made.append(check(wrong, {"x": normal(4, 3)}, order=2, mode="both", execution="graph", budget=1))

    assert pickle.loads(pickle.dumps(whole)) == whole
    for report in made:
        again = pickle.loads(pickle.dumps(report))
        assert type(again) is Report
        assert again.settings == report.settings
        assert again.notes == report.notes
        assert again.to_dict() == report.to_dict()
        for one, other in zip(again.variables, report.variables, strict=True):
            for field in fields(other):
                np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


# 9. What a check spends.

BESIDE = 5_000
"""Evaluations beside twice the plan, for each look at all elements: probes, the noise level, 64 mismatches
that are confirmed by ladders of steps, or directions, and stairs. Measured: 4,457 for wrong corners, 1,457
for the rest."""
BESIDE_WITHIN = 3_000
"""The same within a budget of 20. Measured: 2,585 for wrong corners, 2,148 for a term rounded."""


class Planned(Progress):
    """An observer that adds up what is planned."""

    def __init__(self) -> None:
        self.looks = 0
        self.evaluations = 0

    def start(self, ahead: Forecast) -> None:
        self.looks += 1
        self.evaluations += ahead.evaluations


def loss(function: Callable[[Any], Any]) -> Function:
    """A number that every element moves"""
    return lambda x: tf.reduce_sum(function(x @ normal(x.shape[1], 20, seed=2)))


SPENT: dict[str, tuple[Function, Array]] = {
    "elementwise": (tf.sin, normal(40, 30)),
    "rows": (tf.nn.softmax, normal(20, 30)),
    "a convolution": (lambda x: tf.nn.conv1d(x, normal(3, 4, 2), 1, "SAME"), normal(2, 40, 4)),
    "a loss": (loss(tf.tanh), normal(20, 60)),
    "a loss of corners": (loss(tf.nn.relu), normal(30, 80)),
    "corners at the point": (lambda x: tf.reduce_sum(tf.abs(x), 1), np.maximum(normal(10, 30), 0)),
    "dead units": (lambda x: tf.nn.relu(x - 100), normal(60, 40)),
    "a factor": (distorted(tf.sin, scaled(2.0)), normal(40, 30)),
    "a loss with factors": (distorted(loss(tf.tanh), lambda g: g * normal(20, 60, seed=3)), normal(20, 60)),
    "one element": (distorted(loss(tf.tanh), one_element(1.1)), normal(20, 60)),
    "an upstream gradient ignored": (
        Broken(lambda x: tf.nn.softmax(x), lambda r, x: tf.ones_like(x)),
        normal(20, 30),
    ),
    "wrong corners": (distorted(tf.nn.relu, lambda g: g + 2), np.minimum(normal(10, 30), 0)),
    "not finite": (distorted(loss(tf.tanh), scaled(float("nan"))), normal(20, 60)),
    "a term rounded": (distorted(loss(lambda y: tf.sin(y) + in_float32(y)), scaled(1.1)), normal(5, 30)),
}


WITHIN = Budget(20, "")
MOST_BESIDE = {("wrong corners", None), ("wrong corners", WITHIN), ("a factor", None)}
"""What spends most beside its plan: every run has these, and what takes less than 0.4 s."""
QUICK = {
    ("elementwise", None),
    ("elementwise", WITHIN),
    ("rows", None),
    ("rows", WITHIN),
    ("a convolution", None),
    ("a convolution", WITHIN),
    ("a loss", WITHIN),
    ("dead units", WITHIN),
    ("not finite", WITHIN),
}


def spender(tried: tuple[str, Budget | None]) -> str:
    """The test id."""
    name, budget = tried
    return name if budget is None else f"{name} within a budget"


@pytest.mark.parametrize(
    "tried", named(itertools.product(SPENT, (None, WITHIN)), spender, among(MOST_BESIDE | QUICK))
)
def test_a_check_spends_twice_its_plan_and_a_constant_at_most(tried: tuple[str, Budget | None]) -> None:
    name, budget = tried
    function, x = SPENT[name]
    planned = Planned()

    report = check_target(Target("f", function, {"x": x}), Settings(budget=budget), progress=planned)

    beside = report.evaluations - 2 * planned.evaluations
    most = BESIDE if budget is None else BESIDE_WITHIN
    said = f"{report.evaluations:,} evaluations, {planned.evaluations:,} planned in {planned.looks} looks"
    assert planned.evaluations > 0, said
    assert beside <= most * planned.looks, said


# 10. What is imported late.


def reached(name: str) -> set[str]:
    """Modules of the package that are imported when `name` is."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in MODULES and module not in found:
            found.add(module)
            waiting += [module.rpartition(".")[0], *imports(module, at_import=True)]
    return found


def test_nothing_heavy_is_imported_on_the_way() -> None:
    """Modules that import TensorFlow at their top are themselves imported late."""
    entries = [
        f"gradcheck{part}" for part in ("", ".public", ".cli", ".__main__", ".targets", ".targets.spec")
    ]

    # Until it runs, the command line has imported nothing that a signal could interrupt.
    assert reached("gradcheck.__main__") == {"gradcheck", "gradcheck.__main__", "gradcheck.version"}
    public = reached("gradcheck.public")
    assert {"gradcheck.checking", "gradcheck.report.findings", "gradcheck.settings"} <= public
    assert "gradcheck.function.primal" in reached("gradcheck.checks.elementwise")
    assert [
        f"{entry} reaches {module}, which imports {used}"
        for entry in entries
        for module in sorted(reached(entry))
        for used in imports(module, at_import=True)
        if top(used) in ("tensorflow", "keras", "rich")
    ] == []


def test_click_is_for_the_command_line_alone_and_rich_for_rendering() -> None:
    homes = {"click": "cli", "rich": "render"}

    assert [
        f"{name} imports {used}"
        for name in MODULES
        for used in imports(name)
        if place(name) != homes.get(top(used), place(name))
    ] == []


# 11. How long anything is.


def test_modules_classes_and_functions_are_short() -> None:
    def lines(node: Any) -> int:
        return int(node.end_lineno - node.lineno + 1)

    sizes = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    inside = [
        (name, node)
        for name in MODULES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    middle = statistics.median(size for name, size in sizes.items() if MODULES[name].name != "__init__.py")

    assert [f"{name}: {size} lines" for name, size in sizes.items() if size > 300] == []
    assert [
        f"{at(name, node)} has {lines(node)} lines"
        for name, node in inside
        if lines(node) > (120 if isinstance(node, ast.ClassDef) else 40)
    ] == []
    assert 60 <= middle <= 130


# Docstrings.


def public(node: ast.AST, within: str) -> Iterator[tuple[str, Any]]:
    """Public functions, classes and methods, with their names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{within}.{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{within}.{child.name}")


def test_everything_public_has_a_docstring() -> None:
    everything = [(name, tree(name)) for name in MODULES]
    everything += [found for name in MODULES for found in public(tree(name), name)]

    assert [name for name, node in everything if not ast.get_docstring(node)] == []
