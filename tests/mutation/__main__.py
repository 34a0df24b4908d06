"""Whether the tests notice small changes to the checker.

One run of all tests tells which of them reach which lines, with pytest-cov; a sample of the mutants follows:

    python -m pytest -n 2 --cov=gradcheck --cov-branch --cov-context=test --cov-report= --junitxml=tests.xml
    python -m tests.mutation --coverage .coverage --durations tests.xml --sample 400 --seed 7 [WORD…]

With words, only mutants whose line (`verdicts/rule.py:47: compare: …`) contains one of them are taken.
The exit code is 1 if a mutant survived. A mutant takes 2 s on two cores, one that survives --seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.reach import NEW, Reach
from tests.mutation.running import PLAINLY, Fate, Loop, fate
from tests.syntax import MODULES, PACKAGE, ROOT

CHECKER = (
    *("verdicts/", "differences/", "sparsity/", "function/tape.py", "checks/directions.py"),
    *("checks/random_directions.py", "checks/search.py", "checks/stratum.py"),
)
"""What decides: files, or folders, of the package."""
TESTS = (
    *("verdicts", "differences", "sparsity", "checks", "function", "report", "arrays", "targets"),
    *("acceptance", "test_checking.py", "test_assertion.py", "test_recipes.py"),
    *("render/test_stages.py", "suite/test_sharing.py"),
    *(f"cli/test_{name}.py" for name in ("given_gradient", "verbose", "sweep")),
)
"""Tests that call the checker in process."""
IGNORED = tuple(f"tests/acceptance/test_{name}.py" for name in ("keras", "keras_functions", "networks"))
"""Those of them whose collection runs operations of TensorFlow."""
PATIENCE = 30.0, 6.0
"""Seconds that a mutant may take, and seconds for each that its tests took when they were measured."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coverage", type=Path, required=True, help="data file with contexts")
    parser.add_argument("--durations", type=Path, required=True, help="JUnit file of the same run")
    parser.add_argument("--sample", type=int, help="take so many at random, of each folder its share")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    parser.add_argument("--seconds", type=float, default=30, help="of tests for one mutant (default: 30)")
    parser.add_argument(
        "--log", type=Path, help="append a line of JSON for each mutant, and skip those in it"
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="part of a mutant's line")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """The mutants to try."""
    files = {
        name: path
        for name, path in MODULES.items()
        if path.relative_to(PACKAGE).as_posix().startswith(CHECKER)
    }
    every = [mutant for name, path in files.items() for mutant in mutants_of(name, path)]
    every = [
        mutant for mutant in every if not options.words or any(word in str(mutant) for word in options.words)
    ]
    if options.sample is None:
        return every
    folders: dict[Path, list[Mutant]] = {}
    for mutant in every:
        folders.setdefault(mutant.path.parent, []).append(mutant)
    generator = random.Random(options.seed)
    sample: list[Mutant] = []
    for several in folders.values():
        share = round(options.sample * len(several) / len(every))
        sample += generator.sample(several, min(share, len(several)))
    generator.shuffle(sample)
    return sample


def try_all(options: argparse.Namespace, items: dict[str, pytest.Item]) -> Counter[str]:
    """Try the mutants one after another, and print those that survive."""
    mutants = chosen(options)
    reach = Reach(options.coverage, options.durations, [mutant.path for mutant in mutants])
    dead = set()
    if options.log and options.log.exists():
        lines = [json.loads(line) for line in options.log.read_text(encoding="utf-8").splitlines()]
        dead = {line["mutant"] for line in lines if line["killer"]}
    count: Counter[str] = Counter()
    killers: set[str] = set()
    for number, mutant in enumerate(mutants):
        key = f"{mutant} #{mutant.site}.{mutant.way}"
        if key in dead:
            count["killed"] += 1
            continue
        tests, expected = within(options.seconds, reach, reach.tests(mutant, items))
        found = Fate("", 0, 0.0)
        if tests:
            found = fate(mutant, [items[test] for test in tests], PATIENCE[0] + PATIENCE[1] * expected)
        count["killed" if found.killer else "survived" if tests else "not reached"] += 1
        killers |= {found.killer} & items.keys()
        if not found.killer:
            print(f"{number}: survived {found.tests} tests: {mutant}", flush=True)
        if options.log:
            with options.log.open("a", encoding="utf-8") as log:
                log.write(
                    json.dumps({"mutant": key, "folder": mutant.path.parent.name, **asdict(found)}) + "\n"
                )
    if killers:
        # A test that fails by itself, or in such a process, has killed nothing.
        as_it_is = fate(None, [items[test] for test in sorted(killers)], 3600)
        print(f"without a mutant the {len(killers)} tests that killed: {as_it_is.killer or 'pass'}")
    return count


def within(seconds: float, reach: Reach, tests: list[str]) -> tuple[list[str], float]:
    """The first tests that take so long together, at least one, and how long they take."""
    taken: list[str] = []
    expected = 0.0
    for test in tests:
        duration = reach.seconds.get(test, NEW)
        if taken and expected + duration > seconds:
            continue
        taken.append(test)
        expected += duration
    return taken, expected


def main() -> int:
    """Collect the tests, and try the mutants in place of running them."""
    options = arguments()
    total: Counter[str] = Counter()

    def work(items: dict[str, pytest.Item]) -> None:
        from tensorflow.python.eager import context

        assert not context.context()._initialized, "the collection has run an operation of TensorFlow"
        total.update(try_all(options, items))

    folders = [str(ROOT / "tests" / name) for name in TESTS]
    ignored = [f"--ignore={ROOT / name}" for name in IGNORED]
    pytest.main([*folders, *ignored, *PLAINLY], plugins=[Loop(work)])
    tried = sum(total.values())
    print(f"{total['killed']} of {tried} killed ({total['killed'] / max(tried, 1):.1%}); {dict(total)}")
    return int(total["killed"] < tried)


if __name__ == "__main__":
    sys.exit(main())
