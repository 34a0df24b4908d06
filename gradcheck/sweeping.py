"""The sweep from outside: refuse what cannot be swept, load TensorFlow, run, and return a `Sweep`."""

from collections.abc import Sequence

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.checking import usable
from gradcheck.progress import Progress
from gradcheck.runtime import load_tensorflow, on_device
from gradcheck.settings import Settings
from gradcheck.targets.element import Element
from gradcheck.targets.function import Target
from gradcheck.verdicts.sweep import Sweep


def sweep_target(
    target: Target, settings: Settings, element: Element | None, upstream: Array | None, progress: Progress
) -> Sweep:
    """Sweep one element of a target; None for the worst, which a check finds.

    Raises `GradcheckError` where there is no such element, or where the check cannot run.
    """
    names = usable(target, settings, upstream)
    flat = None
    if element is not None:
        flat = element.flat({name: target.inputs[name].shape for name in names}, target.name)
    load_tensorflow()
    with on_device(settings.device), target.within(), progress as watcher:
        if element is None or flat is None:
            return _worst(target, settings, names, upstream, watcher)
        from gradcheck.checks.sweep import sweep
        from gradcheck.function.primal import Meter
        from gradcheck.function.problem import pose

        problem = pose(target, settings, names, upstream, Meter())
        return sweep(problem, names.index(element.variable), flat)


def _worst(
    target: Target, settings: Settings, names: Sequence[str], upstream: Array | None, progress: Progress
) -> Sweep:
    """The sweep of the element with the worst verdict, and within one the largest error ÷ tolerance."""
    from gradcheck.checks import elementwise
    from gradcheck.checks.sweep import sweep
    from gradcheck.function.primal import Meter
    from gradcheck.function.problem import pose
    from gradcheck.report.assemble import assemble

    outcome = elementwise.check(pose(target, settings, tuple(names), upstream, Meter()), progress)
    worst = assemble([outcome], [], []).worst_variables[0]
    flat = int(np.ravel_multi_index(worst.worst_index, worst.shape)) if worst.shape else 0
    return sweep(outcome.problem, names.index(worst.name), flat)
