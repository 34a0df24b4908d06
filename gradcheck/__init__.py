"""gradcheck: is this gradient right? tf.GradientTape against finite differences, element by element.

Bird's-eye view: one check
--------------------------
`check` (or a command of cli/) makes a `Target`, a function of named tensors. procedure.py runs the check:

    Target, Settings
      → Problem    f evaluated twice, tapes for three cotangents r, the noise level of f  function/
      → Colouring  groups of elements that share no output, found by asking f             sparsity/
      few groups:  each by itself    many groups:  all along signed directions, and a sample
      → Estimate   slopes of L = <r, f(x)>, by a pair of evaluations for each group       differences/
      → Judgement  tape against estimate: first pass → settled → confirmed, ever closer   verdicts/
      → Outcome    the judgement and all opinions on it, by one table of precedence       verdicts/
      → Findings   variables, comparisons, notes (diagnosis, outputs, warnings)           report/
      → text       a table, JSON, arrays, the message of an assertion                     render/

Differences and tape are compared in float64 where f runs there; then the tape at the tensors' own dtype is
held against the tape in float64. checks/elementwise.py is this flow, checks/directions.py the one for many
groups. The other modules of checks/ start from a `Problem` or an `Outcome`: what a budget leaves out, forward
mode, executions, Jacobians and orders.

Code map: folders by floor
--------------------------
A folder imports folders of lower floors only.

0  arrays/       what holds for any array: dtypes, spans, memory, columns, random streams → arrays
0  settings.py, option.py, signature.py: a field for each setting, from which follow options, JSON and the
   signature of `check` → `Settings`
0  errors.py, notes.py, progress.py, runtime.py, amounts.py, replacing.py: exit codes, sentences, the
   observer, TensorFlow loaded late, budget and memory, files replaced in one move
1  inputs/       the TENSOR of a command line: files, standard input, literals, random numbers → array
1  targets/      what can be checked: functions, pairs, layers, models, closed forms; `TargetSpec` → `Target`
2  function/     f at the point: outputs joined, tapes, forward mode, noise level, points nearby → `Problem`
3  sparsity/     probes, bands, groups, owners of outputs, verification → `Colouring`
4  differences/  steps, evaluators, contraction with cotangents, stencils, step selection → `Estimate`
5  verdicts/     the rule, corners, inner rounding, own dtype, repeatability, opinions → `Outcome`
6  checks/       the checks that a user can ask for, each from a problem or an outcome → `Outcome`
6  report/       what is shown and said: variables, diagnosis, outputs to blame → `Findings`
7  render/       a module a form: tables, JSON, CSV, JUnit XML, Markdown, annotations, pages, pictures,
                 curves, heat maps; and who tells of progress → text, bytes
8  procedure.py, checking.py, sweeping.py, variables.py, public.py: what is refused, the order of the checks,
   `check`, `assert_gradients` → `Report`, `Sweep`; and what `import gradcheck` offers
8  suite/        a TOML file → checks as command lines → worker processes or a Dask cluster → `CheckResult`;
                 and the evaluations of one check shared out to a cluster, by the port function/sharing.py
9  cli/          commands and options: parse, build the target, check, write → exit code; its `explain` reads
   the texts in explanations/
9  pytest_plugin.py: the fixture `gradcheck`

Where to begin: checking.check → procedure.run → checks/elementwise.check → verdicts/examination.examine.

Invariants, each held by a test (tests/test_house.py; 7 and TargetSpec where settings and targets are tested)
-------------------------------------------------------------------------------------------------------------
1.  A folder imports lower floors only, also inside functions and for types, and no folders form a cycle.
2.  No verdict is edited at a distance: the arrays of an `Outcome` are read-only, an `Opinion` makes a new
    judgement, and a check assigns to attributes of `self` alone.
3.  From function/ to report/ no attribute is read or set by a computed name.
4.  A note is a value (kind, variable, text); nothing searches or cuts its text.
5.  Every random number comes from arrays/streams.py, each purpose with a key of its own.
6.  From function/ to report/ no bool is passed by position.
7.  The signature of `check`, the options of the command line and the settings in JSON are the fields of
    `Settings`.
8.  `TargetSpec`, `Settings` and `Report` survive pickling.
9.  A check spends at most twice the evaluations of its plan and a constant, whether the gradient is right or
    wrong.
10. `import gradcheck`, `--help`, `--version` and usage errors load neither TensorFlow nor Keras; Click is for
    cli/ alone, rich for render/ alone, and what is imported is what pyproject.toml declares.
11. A module has at most 300 lines, a class 120, a function 40.
"""

from typing import TYPE_CHECKING, Any

from gradcheck.version import __version__ as __version__

if TYPE_CHECKING:
    from gradcheck.public import *  # noqa: F403
else:

    def __getattr__(name: str) -> Any:
        """A public name, imported when one is first asked for: until then a signal ends the command line at
        once, and not with a traceback from the middle of an import."""
        if name == "__all__" or not name.startswith("__"):
            import gradcheck.public as public

            offered = {key: value for key, value in vars(public).items() if key[0] != "_"}
            found = {**globals(), **offered, "__all__": [*offered]}  # modules of ours came with them
            if name in found:
                return found[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
