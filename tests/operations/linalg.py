"""Products, factorisations, solvers and transforms."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.operations.operation import DOUBLE, definite, invertible, n, op, u


def _symmetric(x: object) -> object:
    return (x + tf.linalg.matrix_transpose(x)) / 2


def _triangular(x: object) -> object:
    return tf.linalg.band_part(x, -1, 0)


PRODUCTS = (
    op("matmul", lambda a, b: tf.matmul(a, b), a=n(3, 4), b=n(4, 2)),
    op(
        "matmul batched, transposed",
        lambda a, b: tf.matmul(a, b, transpose_a=True, transpose_b=True),
        a=n(2, 4, 3),
        b=n(2, 2, 4),
    ),
    op("matmul adjoint", lambda a, b: tf.matmul(a, b, adjoint_b=True), a=n(3, 4), b=n(2, 4)),
    op("matvec", lambda a, x: tf.linalg.matvec(a, x), a=n(3, 4), x=n(4)),
    op("tensordot", lambda a, b: tf.tensordot(a, b, [[1, 2], [0, 1]]), a=n(2, 3, 2), b=n(3, 2, 2)),
    op("einsum product", lambda a, b: tf.einsum("bij,bjk->bik", a, b), a=n(2, 3, 2), b=n(2, 2, 3)),
    op("einsum ellipsis", lambda a, b: tf.einsum("...ij,jk->...ki", a, b), a=n(2, 3, 2), b=n(2, 3)),
    op("einsum trace", lambda a: tf.einsum("iij->j", a), a=n(3, 3, 2)),
    op("einsum three", lambda a, b, c: tf.einsum("ij,jk,kl->il", a, b, c), a=n(2, 3), b=n(3, 2), c=n(2, 2)),
    op("cross", lambda a, b: tf.linalg.cross(a, b), a=n(2, 3), b=n(2, 3)),
    op("trace", lambda a: tf.linalg.trace(a), a=n(3, 4)),
    op("diag", lambda a: tf.linalg.diag(a, k=1), a=n(4)),
    op("diag_part", lambda a: tf.linalg.diag_part(a, k=-1), a=n(3, 4)),
    op("set_diag", lambda a, d: tf.linalg.set_diag(a, d), a=n(3, 4), d=n(3)),
    op("tensor_diag", lambda a: tf.linalg.tensor_diag(a), a=n(4)),
    op("tensor_diag_part", lambda a: tf.linalg.tensor_diag_part(a), a=n(3, 3)),
    op("band_part", lambda a: tf.linalg.band_part(a, 1, 0), a=n(4, 4)),
    op("matrix_transpose", lambda a: tf.linalg.matrix_transpose(a), a=n(2, 3, 2)),
    op(
        "tridiagonal_matmul", lambda d, x: tf.linalg.tridiagonal_matmul(d, x, "compact"), d=n(3, 4), x=n(4, 2)
    ),
    op(
        "sparse_dense_matmul",
        lambda v, b: tf.sparse.sparse_dense_matmul(
            tf.sparse.SparseTensor(np.array([[0, 1], [1, 0], [2, 3]]), v, [3, 4]), b
        ),
        v=n(3),
        b=n(4, 2),
    ),
    op(
        "sparse.to_dense",
        lambda v: tf.sparse.to_dense(tf.sparse.SparseTensor(np.array([[0, 1], [1, 0], [2, 3]]), v, [3, 4])),
        v=n(3),
    ),
    op(
        "sparse.reduce_sum",
        lambda v: tf.sparse.reduce_sum(
            tf.sparse.SparseTensor(np.array([[0, 1], [1, 0], [1, 3]]), v, [3, 4]), 1
        ),
        v=n(3),
    ),
    op(
        "sparse.softmax",
        lambda v: (
            tf.sparse.softmax(tf.sparse.SparseTensor(np.array([[0, 1], [1, 0], [1, 3]]), v, [3, 4])).values
        ),
        v=n(3),
    ),
)

FACTORS = (
    op("inv", lambda a: tf.linalg.inv(a), a=invertible(3, 3)),
    op("inv batched", lambda a: tf.linalg.inv(a), a=invertible(2, 3, 3)),
    op("pinv", lambda a: tf.linalg.pinv(a, rcond=1e-9), a=n(4, 3), dtypes=DOUBLE),
    op("det", lambda a: tf.linalg.det(a), a=n(3, 3)),
    op("logdet", lambda a: tf.linalg.logdet(_symmetric(a)), a=definite(3, 3)),
    op("slogdet", lambda a: tf.linalg.slogdet(a).log_abs_determinant, a=invertible(3, 3)),
    op("cholesky", lambda a: tf.linalg.cholesky(_symmetric(a)), a=definite(3, 3)),
    op(
        "cholesky_solve",
        lambda a, b: tf.linalg.cholesky_solve(_triangular(a), b),
        a=invertible(3, 3),
        b=n(3, 2),
    ),
    op("solve", lambda a, b: tf.linalg.solve(a, b), a=invertible(3, 3), b=n(3, 2)),
    op(
        "solve adjoint", lambda a, b: tf.linalg.solve(a, b, adjoint=True), a=invertible(2, 3, 3), b=n(2, 3, 2)
    ),
    op("triangular_solve", lambda a, b: tf.linalg.triangular_solve(a, b), a=invertible(3, 3), b=n(3, 2)),
    op(
        "triangular_solve upper",
        lambda a, b: tf.linalg.triangular_solve(a, b, lower=False, adjoint=True),
        a=invertible(3, 3),
        b=n(3, 2),
    ),
    op("lstsq", lambda a, b: tf.linalg.lstsq(a, b), a=n(4, 3), b=n(4, 2)),
    op("lstsq regularised", lambda a, b: tf.linalg.lstsq(a, b, l2_regularizer=0.1), a=n(2, 3), b=n(2, 2)),
    op("qr", lambda a: tf.linalg.qr(a), a=n(4, 3)),
    op("svd values", lambda a: tf.linalg.svd(a, compute_uv=False), a=n(3, 4)),
    op("svd product", lambda a: tf.matmul(tf.linalg.svd(a)[1], tf.abs(tf.linalg.svd(a)[2])), a=n(4, 3)),
    op("eigvalsh", lambda a: tf.linalg.eigvalsh(a + tf.linalg.matrix_transpose(a)), a=n(3, 3)),
    op("eigh", lambda a: tf.abs(tf.linalg.eigh(a + tf.linalg.matrix_transpose(a))[1]), a=n(3, 3)),
    op("expm", lambda a: tf.linalg.expm(a), a=n(3, 3)),
    op("sqrtm", lambda a: tf.linalg.sqrtm(a), a=definite(3, 3)),
    op("matrix power", lambda a: tf.matmul(a, tf.matmul(a, a)), a=n(3, 3)),
    op(
        "tridiagonal_solve",
        lambda d, b: tf.linalg.tridiagonal_solve(d + tf.constant([[0], [4], [0]], d.dtype), b),
        d=n(3, 4),
        b=n(4, 2),
    ),
    op(
        "LinearOperatorCirculant",
        lambda s, x: tf.math.real(
            tf.linalg.LinearOperatorCirculant(
                tf.cast(s, tf.complex128), input_output_dtype=tf.complex128
            ).matvec(tf.cast(x, tf.complex128))
        ),
        s=n(5),
        x=n(5),
        dtypes=DOUBLE,
    ),
    op(
        "LinearOperatorToeplitz",
        lambda c, r, x: tf.linalg.LinearOperatorToeplitz(c, r).matvec(x),
        c=n(4),
        r=n(4),
        x=n(4),
        dtypes=DOUBLE,
    ),
    op(
        "LinearOperatorKronecker",
        lambda a, b, x: tf.linalg.LinearOperatorKronecker(
            [tf.linalg.LinearOperatorFullMatrix(a), tf.linalg.LinearOperatorFullMatrix(b)]
        ).matvec(x),
        a=n(2, 2),
        b=n(2, 2),
        x=n(4),
    ),
    op(
        "LinearOperatorHouseholder",
        lambda v, x: tf.linalg.LinearOperatorHouseholder(v).matvec(x),
        v=u(0.5, 2, 4),
        x=n(4),
    ),
)


def _complex(x: object, y: object) -> object:
    return tf.complex(x, y)


SIGNAL = (
    op("fft", lambda x, y: tf.signal.fft(_complex(x, y)), x=n(5), y=n(5)),
    op("ifft", lambda x, y: tf.signal.ifft(_complex(x, y)), x=n(5), y=n(5)),
    op("fft2d", lambda x, y: tf.signal.fft2d(_complex(x, y)), x=n(3, 4), y=n(3, 4)),
    op("ifft2d", lambda x, y: tf.signal.ifft2d(_complex(x, y)), x=n(3, 4), y=n(3, 4)),
    op("fft3d", lambda x, y: tf.signal.fft3d(_complex(x, y)), x=n(2, 3, 2), y=n(2, 3, 2)),
    op("rfft", lambda x: tf.signal.rfft(x), x=n(6)),
    op("rfft odd", lambda x: tf.signal.rfft(x, [7]), x=n(5)),
    op("irfft", lambda x, y: tf.signal.irfft(_complex(x, y)), x=n(4), y=n(4)),
    op("rfft2d", lambda x: tf.signal.rfft2d(x), x=n(3, 4)),
    op("irfft2d", lambda x, y: tf.signal.irfft2d(_complex(x, y)), x=n(3, 3), y=n(3, 3)),
    op("fftshift", lambda x: tf.signal.fftshift(x), x=n(5)),
    op("dct", lambda x: tf.signal.dct(x, 2), x=n(6), dtypes=DOUBLE),
    op("dct orthogonal", lambda x: tf.signal.dct(x, 3, norm="ortho"), x=n(6), dtypes=DOUBLE),
    op("idct", lambda x: tf.signal.idct(x, 2), x=n(6), dtypes=DOUBLE),
    op("mdct", lambda x: tf.signal.mdct(x, 8, window_fn=None), x=n(16), dtypes=DOUBLE),
    op("frame", lambda x: tf.signal.frame(x, 4, 2), x=n(9)),
    op("overlap_and_add", lambda x: tf.signal.overlap_and_add(x, 2), x=n(3, 4)),
    op("stft", lambda x: tf.abs(tf.signal.stft(x, 8, 4, window_fn=None)), x=n(16)),
)
