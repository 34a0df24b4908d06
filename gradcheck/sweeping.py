"""The sweep from outside: refuse what cannot be swept, load TensorFlow, run, and return a `Sweep`."""

from gradcheck.arrays.types import Array
from gradcheck.progress import Progress
from gradcheck.runtime import load_tensorflow, on_device
from gradcheck.settings import Settings
from gradcheck.targets.element import Element
from gradcheck.targets.function import Target
from gradcheck.variables import usable
from gradcheck.verdicts.sweep import Sweep


def sweep_target(
    target: Target, settings: Settings, element: Element, upstream: Array | None, progress: Progress
) -> Sweep:
    """Sweep one element of a target; `GradcheckError` where there is none, or where it cannot be checked."""
    names = usable(target, settings, upstream)
    flat = element.flat({name: target.inputs[name].shape for name in names}, target.name)
    load_tensorflow()
    from gradcheck.checks.sweep import sweep
    from gradcheck.function.primal import Meter
    from gradcheck.function.problem import pose

    with on_device(settings.device), target.within(), progress:
        problem = pose(target, settings, names, upstream, Meter())
        return sweep(problem, names.index(element.variable), flat)
