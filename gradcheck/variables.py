"""The variables of a target, refused before TensorFlow is loaded where they cannot be differentiated."""

from gradcheck.arrays.types import Array
from gradcheck.errors import TargetError, did_you_mean
from gradcheck.inputs.usable import refuse_unusable
from gradcheck.settings import Settings
from gradcheck.targets.function import Target


def usable(target: Target, settings: Settings, upstream: Array | None) -> tuple[str, ...]:
    """Names of the variables; `GradcheckError` where a tensor cannot be differentiated."""
    names = _differentiated(target, settings)
    for name in names:
        refuse_unusable(target.inputs[name], f"The input `{name}`")
    if upstream is not None:
        refuse_unusable(upstream, "The upstream gradient")
    return names


def _differentiated(target: Target, settings: Settings) -> tuple[str, ...]:
    """Names of the variables: those asked for, or every floating input."""
    possible = target.floating()
    if not possible:
        raise TargetError(
            f"{target.name} has no floating input to differentiate.", "Give at least one floating tensor."
        )
    for name in settings.wrt or ():
        if name not in possible:
            raise TargetError(
                f"`wrt` names {name!r}, which is no floating input of {target.name}.",
                f"{did_you_mean(name, possible)}Choose from: {', '.join(possible)}.",
            )
    return possible if settings.wrt is None else tuple(n for n in possible if n in settings.wrt)
