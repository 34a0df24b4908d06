"""Numbers as people read them: as many digits as agree and two more, ratios in two, shares in per cent."""

import math

from gradcheck.report.variable import Variable

BEYOND = 2
"""Digits shown beyond those that agree."""
ENOUGH = 4
"""Digits that may agree in any case: a wide tolerance asks for fewer, and S may be far above the gradient."""
MOST = 17
"""Digits of a float64."""
POSITIONAL = range(-4, 7)
"""Powers of ten of numbers that are written without an exponent."""
TELLING = 1e-4
"""Share of an interval's width that its ends are rounded to: they are differences."""


UNKNOWN = "–"
"""Stands where a number is not known."""
BARE = 2
"""Decades on either side that are written without an exponent."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def digits(value: float, other: float, error: float, tolerance: float) -> int:
    """Significant digits to show of two numbers: those that agree, as far as the tolerance asks, and two."""
    size = max(abs(value), abs(other))
    if not math.isfinite(size) or size == 0 or math.isnan(error):
        return BEYOND + ENOUGH
    asked = max(ENOUGH, _agreeing(size, tolerance))
    return min(MOST, BEYOND + min(asked, _agreeing(size, error)))


def _agreeing(size: float, apart: float) -> int:
    """Digits that are the same in two numbers of a size that are so far apart."""
    if apart == 0:
        return MOST
    return max(0, math.floor(math.log10(size) - math.log10(apart))) if math.isfinite(apart) else 0


def significant(variable: Variable, index: tuple[int, ...]) -> int:
    """Digits to show of the gradients of an element."""
    numbers = (variable.tape, variable.difference, variable.error, variable.tolerance)
    return digits(*(float(array[index]) for array in numbers))


def number(value: float, significant: int) -> str:
    """A number to so many significant digits, all those before the point, and none that is 0 at the end."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    if exponent not in POSITIONAL:
        return f"{value:.{significant}g}"
    text = f"{value:.{max(0, significant - 1 - exponent)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def small(value: float) -> str:
    """The size of an error."""
    if math.isnan(value):
        return UNKNOWN
    return "0" if value == 0 else f"{value:.1e}"


def ratio(value: float) -> str:
    """An error ÷ tolerance in two digits, in more where two would hide that it is above 1."""
    if math.isnan(value):
        return UNKNOWN
    if 10 <= value < 1e7:
        return f"{float(f'{value:.1e}'):,.0f}"
    return next(
        text for n in (2, 3, 5, MOST) if float(text := f"{value:.{n}g}") > 1 or value <= 1 or n == MOST
    )


def share(value: float) -> str:
    """A share of S in per cent."""
    percent = float(f"{100 * value:.1e}")
    if percent > 1000:
        return "more than 1,000 %"
    return f"{percent:.1e} %" if 0 < percent < 1e-4 else f"{number(percent, 2)} %"


def scale(value: float) -> str:
    """A share of S as a factor, in two digits: `1e-06`, `1.2e-04`, `0.5`."""
    return f"{value:.2g}" if value >= 1e-3 or value == 0 else f"{value:.1e}".replace(".0e", "e")


def interval(low: float, high: float) -> str:
    """`[0, 1]`: the ends, rounded as befits differences."""
    unit = 10.0 ** math.floor(math.log10(max((high - low) * TELLING, 1e-300)))
    ends = (round(end / unit) * unit for end in (low, high))
    return f"[{', '.join(number(end, 6) for end in ends)}]"


def power(exponent: int) -> str:
    """A power of ten for people: `0.01`, `1`, `10⁵`."""
    if abs(exponent) <= BARE:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(_RAISED)
