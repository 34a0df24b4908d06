"""The sweep from outside: refuse what cannot be swept, load TensorFlow, run, and return a `Sweep`."""

from gradcheck.arrays.types import Array
from gradcheck.checking import check_target, usable
from gradcheck.errors import TargetError
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
    if element is None:
        found = check_target(target, settings, upstream, progress, curve=True).sweep
        if found is None:
            raise TargetError(f"The worst element of {target.name} could not be swept.", "Name an --element.")
        return found
    names = usable(target, settings, upstream)
    flat = element.flat({name: target.inputs[name].shape for name in names}, target.name)
    load_tensorflow()
    from gradcheck.checks.sweep import sweep
    from gradcheck.function.primal import Meter
    from gradcheck.function.problem import pose

    with on_device(settings.device), target.within(), progress:
        problem = pose(target, settings, names, upstream, Meter())
        return sweep(problem, names.index(element.variable), flat)
