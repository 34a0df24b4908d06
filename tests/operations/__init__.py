"""TensorFlow's own differentiable operations, with inputs at which they have a derivative."""

from __future__ import annotations

from tests.operations.elementwise import BINARY, UNARY
from tests.operations.indexing import CONTROL, INDEXING
from tests.operations.linalg import FACTORS, PRODUCTS, SIGNAL
from tests.operations.neural import CONVOLUTIONS, IMAGES, POOLS
from tests.operations.operation import Operation as Operation
from tests.operations.reductions import LOSSES, REDUCTIONS

OPERATIONS: tuple[Operation, ...] = (
    *UNARY,
    *BINARY,
    *REDUCTIONS,
    *LOSSES,
    *PRODUCTS,
    *FACTORS,
    *SIGNAL,
    *CONVOLUTIONS,
    *POOLS,
    *IMAGES,
    *INDEXING,
    *CONTROL,
)
