"""Convolutions, pooling, normalisation and images."""

from __future__ import annotations

import tensorflow as tf

from tests.operations.operation import SINGLE, n, op, u

CONVOLUTIONS = (
    op("conv1d", lambda x, k: tf.nn.conv1d(x, k, 1, "SAME"), x=n(2, 6, 2), k=n(3, 2, 2)),
    op("conv1d strided", lambda x, k: tf.nn.conv1d(x, k, 2, "VALID"), x=n(1, 7, 2), k=n(3, 2, 2)),
    op("conv2d", lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), x=n(1, 4, 5, 2), k=n(3, 2, 2, 2)),
    op("conv2d strided", lambda x, k: tf.nn.conv2d(x, k, [2, 1], "VALID"), x=n(1, 5, 4, 1), k=n(2, 3, 1, 2)),
    op(
        "conv2d padded",
        lambda x, k: tf.nn.conv2d(x, k, 1, [[0, 0], [1, 2], [0, 1], [0, 0]]),
        x=n(1, 3, 4, 1),
        k=n(2, 2, 1, 2),
    ),
    op(
        "conv2d_transpose",
        lambda x, k: tf.nn.conv2d_transpose(x, k, [1, 6, 8, 2], 2, "SAME"),
        x=n(1, 3, 4, 1),
        k=n(3, 3, 2, 1),
    ),
    op(
        "conv1d_transpose",
        lambda x, k: tf.nn.conv1d_transpose(x, k, [1, 8, 2], 2, "SAME"),
        x=n(1, 4, 1),
        k=n(3, 2, 1),
    ),
    op(
        "conv3d",
        lambda x, k: tf.nn.conv3d(x, k, [1, 1, 1, 1, 1], "SAME"),
        x=n(1, 3, 3, 2, 1),
        k=n(2, 2, 2, 1, 2),
    ),
    op(
        "conv3d strided",
        lambda x, k: tf.nn.conv3d(x, k, [1, 2, 1, 2, 1], "VALID"),
        x=n(1, 4, 3, 4, 1),
        k=n(2, 2, 2, 1, 1),
    ),
    op(
        "conv3d_transpose",
        lambda x, k: tf.nn.conv3d_transpose(x, k, [1, 4, 4, 2, 1], [1, 2, 2, 1, 1], "SAME"),
        x=n(1, 2, 2, 2, 1),
        k=n(2, 2, 2, 1, 1),
    ),
    op(
        "depthwise_conv2d",
        lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "SAME"),
        x=n(1, 4, 4, 2),
        k=n(3, 3, 2, 2),
    ),
    op(
        "depthwise_conv2d strided",
        lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 2, 2, 1], "VALID"),
        x=n(1, 5, 5, 2),
        k=n(2, 2, 2, 1),
    ),
    op(
        "separable_conv2d",
        lambda x, d, p: tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME"),
        x=n(1, 4, 4, 2),
        d=n(2, 2, 2, 1),
        p=n(1, 1, 2, 3),
    ),
    op(
        "dilation2d",
        lambda x, k: tf.nn.dilation2d(x, k, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]),
        x=n(1, 4, 4, 1),
        k=n(2, 2, 1),
    ),
    op(
        "erosion2d",
        lambda x, k: tf.nn.erosion2d(x, k, [1, 1, 1, 1], "VALID", "NHWC", [1, 1, 1, 1]),
        x=n(1, 4, 4, 1),
        k=n(2, 2, 1),
    ),
    op("space_to_depth", lambda x: tf.nn.space_to_depth(x, 2), x=n(1, 4, 4, 1)),
    op("depth_to_space", lambda x: tf.nn.depth_to_space(x, 2), x=n(1, 2, 2, 4)),
    op("space_to_batch", lambda x: tf.nn.space_to_batch(x, [2, 2], [[0, 0], [1, 1]]), x=n(1, 4, 4, 1)),
    op("batch_to_space", lambda x: tf.batch_to_space(x, [2, 2], [[0, 0], [0, 1]]), x=n(4, 2, 2, 1)),
)

POOLS = (
    op("max_pool1d", lambda x: tf.nn.max_pool1d(x, 3, 1, "SAME"), x=n(2, 7, 2)),
    op("max_pool1d strided", lambda x: tf.nn.max_pool1d(x, 2, 2, "VALID"), x=n(2, 7, 2)),
    op("max_pool3d", lambda x: tf.nn.max_pool3d(x, 2, 1, "VALID"), x=n(1, 3, 3, 3, 1), dtypes=SINGLE),
    op("avg_pool1d", lambda x: tf.nn.avg_pool1d(x, 3, 1, "SAME"), x=n(2, 6, 2)),
    op("avg_pool3d", lambda x: tf.nn.avg_pool3d(x, 2, 2, "SAME"), x=n(1, 3, 3, 3, 1), dtypes=SINGLE),
    op("pool with dilation", lambda x: tf.nn.pool(x, [2], "AVG", [1], "VALID", dilations=[2]), x=n(1, 6, 2)),
    op("max_pool_with_argmax", lambda x: tf.nn.max_pool_with_argmax(x, 2, 1, "SAME")[0], x=n(1, 4, 4, 1)),
    op(
        "fractional_max_pool",
        lambda x: tf.nn.fractional_max_pool(x, [1, 1.4, 1.6, 1], False, False, 7)[0],
        x=n(1, 5, 6, 1),
    ),
    op(
        "fractional_avg_pool",
        lambda x: tf.nn.fractional_avg_pool(x, [1, 1.4, 1.6, 1], False, False, 7)[0],
        x=n(1, 5, 6, 1),
    ),
    op(
        "local_response_normalization",
        lambda x: tf.nn.local_response_normalization(x, 1, 1.0, 0.5, 0.7),
        x=n(1, 2, 2, 4),
        dtypes=SINGLE,
    ),
    op(
        "fused_batch_norm inference",
        lambda x, s, b: tf.compat.v1.nn.fused_batch_norm(
            x, s, b, tf.constant([0.1, -0.2]), tf.constant([1.1, 0.7]), is_training=False
        )[0],
        x=n(2, 2, 2, 2),
        s=n(2),
        b=n(2),
        dtypes=SINGLE,
    ),
    op(
        "fused_batch_norm training",
        lambda x, s, b: tf.compat.v1.nn.fused_batch_norm(x, s, b)[0],
        x=n(2, 2, 3, 2),
        s=n(2),
        b=n(2),
        dtypes=SINGLE,
    ),
)

IMAGES = (
    op("resize bilinear", lambda x: tf.image.resize(x, [6, 7]), x=n(1, 3, 4, 1)),
    op("resize nearest", lambda x: tf.image.resize(x, [6, 8], "nearest"), x=n(1, 3, 4, 1)),
    op("resize bicubic", lambda x: tf.image.resize(x, [5, 6], "bicubic"), x=n(1, 3, 4, 1)),
    op("resize lanczos3", lambda x: tf.image.resize(x, [5, 6], "lanczos3"), x=n(1, 3, 4, 1), dtypes=SINGLE),
    op(
        "crop_and_resize",
        lambda x: tf.image.crop_and_resize(x, tf.constant([[0.1, 0.2, 0.9, 0.8]]), [0], [3, 3]),
        x=n(1, 5, 5, 1),
    ),
    op(
        "extract_patches",
        lambda x: tf.image.extract_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"),
        x=n(1, 4, 4, 1),
    ),
    op(
        "extract_patches dilated",
        lambda x: tf.image.extract_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 2, 2, 1], "SAME"),
        x=n(1, 5, 5, 1),
    ),
    op(
        "extract_volume_patches",
        lambda x: tf.raw_ops.ExtractVolumePatches(
            input=x, ksizes=[1, 2, 2, 2, 1], strides=[1, 1, 1, 1, 1], padding="VALID"
        ),
        x=n(1, 3, 3, 3, 1),
    ),
    op("adjust_brightness", lambda x: tf.image.adjust_brightness(x, 0.1), x=u(0, 1, 1, 3, 3, 2)),
    op("adjust_gamma", lambda x: tf.image.adjust_gamma(x, 1.3), x=u(0.2, 1, 1, 3, 3, 1)),
    op("rgb_to_hsv", lambda x: tf.image.rgb_to_hsv(x), x=u(0.1, 0.9, 1, 2, 2, 3)),
    op("rgb_to_yuv", lambda x: tf.image.rgb_to_yuv(x), x=u(0.1, 0.9, 1, 2, 2, 3)),
    op("rgb_to_grayscale", lambda x: tf.image.rgb_to_grayscale(x), x=u(0.1, 0.9, 1, 2, 2, 3)),
    op("per_image_standardization", lambda x: tf.image.per_image_standardization(x), x=n(1, 4, 4, 1)),
    op("total_variation", lambda x: tf.image.total_variation(x), x=n(1, 4, 4, 1)),
    op("sobel_edges", lambda x: tf.image.sobel_edges(x), x=n(1, 4, 4, 1)),
    op("image_gradients", lambda x: tf.image.image_gradients(x)[0], x=n(1, 4, 4, 1)),
    op("psnr", lambda x, y: tf.image.psnr(x, y, 1.0), x=u(0.1, 0.9, 1, 3, 3, 1), y=u(0.1, 0.9, 1, 3, 3, 1)),
    op("flip_left_right", lambda x: tf.image.flip_left_right(x), x=n(1, 3, 4, 1)),
    op("rot90", lambda x: tf.image.rot90(x), x=n(1, 3, 4, 1)),
)
