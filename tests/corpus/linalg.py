"""Linear algebra: inverses, decompositions, determinants."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import (
    Array,
    Broken,
    Shape,
    distorted,
    draw,
    family,
    normal,
    scaled,
    square,
    true_gradients,
)

right, wrong = family("linear algebra")


def side(size: int) -> int:
    """Rows of a square matrix, at most 5: the functions cost its cube."""
    return min(5, square(size)[0])


SQUARE: Shape = lambda size: (side(size),) * 2  # noqa: E731
COLUMNS: Shape = lambda size: (side(size), 2)  # noqa: E731


def regular(size: int, rng: np.random.Generator) -> Array:
    """Square with condition below 10: a random matrix plus a diagonal."""
    array: Array = 0.3 * rng.standard_normal(SQUARE(size)) + 2 * np.eye(side(size))
    return array


A = draw(a=regular)
SYSTEM = draw(a=regular, b=normal(COLUMNS))
MATRIX = draw(a=normal(SQUARE))
BOTH = draw(a=normal(SQUARE), b=normal(SQUARE))


def symmetric(a: Any) -> Any:
    """Well separated eigenvalues"""
    return 0.2 * (a + tf.transpose(a)) + tf.linalg.diag(tf.range(a.shape[0], dtype=a.dtype) * 3)


def definite(a: Any) -> Any:
    """a aᵀ + 1"""
    return tf.matmul(a, a, transpose_b=True) + tf.eye(a.shape[0], dtype=a.dtype)


def solve(a: Any, b: Any) -> Any:
    """a⁻¹ b"""
    return tf.linalg.solve(a, b)


def inverse(a: Any) -> Any:
    """a⁻¹"""
    return tf.linalg.inv(a)


def determinant(a: Any) -> Any:
    """|a|"""
    return tf.linalg.det(a)


def log_determinant(a: Any) -> Any:
    """log |det a|"""
    return tf.linalg.slogdet(a)[1]


def adjoint_without_transpose(upstream: Any, a: Any) -> Any:
    """-a⁻¹ dy a⁻¹"""
    return -inverse(a) @ upstream @ inverse(a)


def forgotten_sign(upstream: Any, a: Any, b: Any) -> Any:
    """The gradient of a without its minus"""
    of_a, of_b = true_gradients(solve, upstream, (a, b))
    return -of_a, of_b


RIGHT = (
    right("inverse", inverse, A, "-a⁻ᵀ dy a⁻ᵀ"),
    right("solve", solve, SYSTEM, "matrix and right side"),
    right(
        "triangular solve",
        lambda a, b: tf.linalg.triangular_solve(a, b),
        SYSTEM,
        "the upper half of a moves nothing",
    ),
    right("determinant", determinant, A, "|a| a⁻ᵀ"),
    right("log determinant", log_determinant, A, "a⁻ᵀ"),
    right(
        "cholesky",
        lambda a: tf.linalg.cholesky(definite(a)),
        MATRIX,
        "of a aᵀ + 1, so that it stays symmetric",
    ),
    right("eigenvalues", lambda a: tf.linalg.eigvalsh(symmetric(a)), MATRIX, "symmetrised, well separated"),
    right(
        "singular values",
        lambda a: tf.linalg.svd(symmetric(a) + 0.1 * a, compute_uv=False),
        MATRIX,
        "distinct, not 0",
    ),
    right("qr, upper factor", lambda a: tf.linalg.qr(a)[1], A, "unique up to signs that do not move"),
    right("matrix exponential", lambda a: tf.linalg.expm(0.3 * a), MATRIX, "a polynomial quotient"),
    right("trace of a product", lambda a, b: tf.linalg.trace(a @ b), BOTH, "bᵀ and aᵀ"),
    right(
        "least squares",
        lambda a, b: tf.linalg.lstsq(a, b, fast=True),
        draw(
            a=lambda size, rng: np.vstack([regular(size, rng), np.ones((1, side(size)))]),
            b=normal(lambda size: (side(size) + 1, 2)),
        ),
        "more rows than columns",
    ),
    right(
        "Mahalanobis distance",
        lambda a, b: tf.reduce_sum(b * solve(definite(a), b), axis=0),
        draw(a=normal(SQUARE), b=normal(COLUMNS)),
        "a quadratic form of an inverse",
    ),
)

WRONG = (
    wrong(
        "inverse without the transposes",
        Broken(inverse, adjoint_without_transpose),
        A,
        "-a⁻¹ dy a⁻¹ where it is -a⁻ᵀ dy a⁻ᵀ",
    ),
    wrong(
        "inverse with the wrong sign",
        distorted(inverse, scaled(-1)),
        A,
        "a⁻ᵀ dy a⁻ᵀ",
        diagnosis="sign",
    ),
    wrong(
        "determinant with the inverse not transposed",
        Broken(determinant, lambda dy, a: dy * determinant(a) * inverse(a)),
        MATRIX,
        "|a| a⁻¹ where it is |a| a⁻ᵀ",
        diagnosis="transpose",
    ),
    wrong(
        "determinant as its logarithm",
        Broken(determinant, lambda dy, a: dy * tf.transpose(inverse(a))),
        A,
        "the factor |a| is missing",
        diagnosis="constant factor",
    ),
    wrong(
        "log determinant with the inverse not transposed",
        Broken(log_determinant, lambda dy, a: dy * inverse(a)),
        MATRIX,
        "a⁻¹ where it is a⁻ᵀ",
        diagnosis="transpose",
    ),
    wrong(
        "solve without the minus",
        Broken(solve, forgotten_sign),
        SYSTEM,
        "in the gradient of a; b is right",
        diagnosis="sign",
    ),
    wrong(
        "solve with a where it is aᵀ",
        Broken(solve, lambda dy, a, b: (true_gradients(solve, dy, (a, b))[0], solve(a, dy))),
        SYSTEM,
        "in the gradient of b; a is right",
    ),
    wrong(
        "square with one of two terms",
        Broken(lambda a: a @ a, lambda dy, a: dy @ tf.transpose(a)),
        MATRIX,
        "dy aᵀ where it is dy aᵀ + aᵀ dy",
    ),
    wrong(
        "trace of a product, not transposed",
        Broken(lambda a, b: tf.linalg.trace(a @ b), lambda dy, a, b: (dy * b, dy * tf.transpose(a))),
        BOTH,
        "b where it is bᵀ; the other is right",
        diagnosis="transpose",
    ),
    wrong(
        "squared Frobenius norm without its 2",
        Broken(lambda a: tf.reduce_sum(a**2), lambda dy, a: dy * a),
        MATRIX,
        "a where it is 2 a",
        diagnosis="constant factor",
    ),
    wrong(
        "eigenvalues with the eigenvectors detached",
        Broken(
            lambda a: tf.linalg.eigvalsh(symmetric(a)),
            lambda dy, a: 0.4 * tf.linalg.diag(dy),
        ),
        MATRIX,
        "as if the matrix were diagonal",
    ),
    wrong(
        "matrix exponential to first order",
        Broken(
            lambda a: tf.linalg.expm(0.3 * a), lambda dy, a: 0.3 * dy @ tf.transpose(tf.linalg.expm(0.3 * a))
        ),
        MATRIX,
        "exact only where a commutes with its change",
    ),
)
