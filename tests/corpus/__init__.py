"""Right and wrong gradients by which a checker is judged, in families."""

from __future__ import annotations

from tests.corpus import (
    convolution,
    custom,
    dense,
    domain,
    elementwise,
    indexing,
    kinks,
    linalg,
    pooling,
    precision,
    recurrences,
    reductions,
    scale,
    softmax,
    ties,
    upstream,
)
from tests.corpus.case import Case as Case

_FAMILIES = (
    dense,
    convolution,
    elementwise,
    kinks,
    ties,
    pooling,
    reductions,
    softmax,
    linalg,
    indexing,
    recurrences,
    precision,
    scale,
    upstream,
    domain,
    custom,
)

RIGHT: tuple[Case, ...] = tuple(case for module in _FAMILIES for case in module.RIGHT)
WRONG: tuple[Case, ...] = tuple(case for module in _FAMILIES for case in module.WRONG)
