"""EfficientNet-Lite0 as an ONNX graph, written from its weights.

Batch norms are folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ....errors import EmbeddingError, MissingExtraError

# Why not torch, which is installed: on one thread onnxruntime encodes 174 tiles (224 pixels wide) per second,
# torch 33 (82 with channels last), and its vectors differ in the last digits from those that studies
# already hold. An export by torch would need the same network as layers first.
__all__ = ["POOLED_DIM", "POOLED_SIDE", "STAGE_CHANNELS", "build_lite0"]

POOLED_SIDE = 224
POOLED_DIM = 1280
_BN_EPS = 1e-3
# Of each stage: repeats, stride of its first block, expansion, output channels.
_STAGES = (
    (1, 1, 1, 16),
    (2, 2, 6, 24),
    (2, 2, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 112),
    (4, 2, 6, 192),
    (1, 1, 6, 320),
)
STAGE_CHANNELS = tuple(stage[-1] for stage in _STAGES)


def build_lite0(weights: Mapping[str, np.ndarray], stages: Mapping[int, float] | None = None) -> bytes:
    """Return an ONNX model from uint8 RGB tiles to one float32 vector per tile.

    Without `stages`: from (n, 224, 224, 3) to the pooled last feature map, (n, 1280). With them: from
    (n, side, side, 3), side any multiple of 32, to the pooled outputs of those stages, one after another; the
    graph ends at the last of them. The channels are shifted and scaled as in training, (value - 127) / 128,
    inside the graph.

    Parameters
    ----------
    weights : mapping of str to float32 array
        The state dict of EfficientNet-Lite0 (`_conv_stem.weight`, `_blocks.0._bn1.bias`, ...).
    stages : mapping of int to float, optional
        Stages (0 to 6) to take, and the factor that the numbers of each are multiplied with.

    Raises
    ------
    EmbeddingError
        The weights are not those of this network.
    MissingExtraError
        The package `onnx` is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            "the encoder efficientnet-lite0 is prepared with onnx: pip install onnx"
        ) from error
    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(op: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def convolution(x: str, conv: str, norm: str, size: int, stride: int = 1, relu6: bool = True) -> str:
        kernel = weights[f"{conv}.weight"].astype(np.float64)
        scale = weights[f"{norm}.weight"] / np.sqrt(
            weights[f"{norm}.running_var"].astype(np.float64) + _BN_EPS
        )
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        depthwise = kernel.shape[1] == 1 and kernel.shape[0] > 1
        side = kernel.shape[2]
        # TensorFlow's "same": an odd pixel of padding goes to the lower right.
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads = [total // 2, total // 2, total - total // 2, total - total // 2]
        inputs = [
            x,
            constant(f"{conv}.kernel", (kernel * scale[:, None, None, None]).astype(np.float32)),
            constant(f"{conv}.bias", bias.astype(np.float32)),
        ]
        y = add(
            "Conv",
            inputs,
            conv,
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=pads,
            group=kernel.shape[0] if depthwise else 1,
        )
        return add("Clip", [y, "zero", "six"], f"{conv}.relu6") if relu6 else y

    constant("zero", np.float32(0))
    constant("six", np.float32(6))
    x = add("Cast", ["tiles"], "cast", to=TensorProto.FLOAT)
    x = add("Sub", [x, constant("mean", np.float32(127))], "shifted")
    x = add("Mul", [x, constant("scale", np.float32(1 / 128))], "scaled")
    x = add("Transpose", [x], "planes", perm=[0, 3, 1, 2])
    pooled = []
    # Padding depends on whether a side is even, and on nothing else: what holds for 224 holds for multiples
    # of 32.
    side = POOLED_SIDE
    try:
        x = convolution(x, "_conv_stem", "_bn0", side, 2)
        size, channels, index = side // 2, 32, 0
        for stage, (repeats, first_stride, expansion, out_channels) in enumerate(_STAGES):
            for repeat in range(repeats):
                block, stride, y = f"_blocks.{index}", first_stride if repeat == 0 else 1, x
                if expansion > 1:
                    y = convolution(y, f"{block}._expand_conv", f"{block}._bn0", size)
                y = convolution(y, f"{block}._depthwise_conv", f"{block}._bn1", size, stride)
                size = -(-size // stride)
                y = convolution(y, f"{block}._project_conv", f"{block}._bn2", size, relu6=False)
                x = add("Add", [y, x], f"{block}.sum") if repeat and channels == out_channels else y
                channels, index = out_channels, index + 1
            if stages and stage in stages:
                y = add("GlobalAveragePool", [x], f"stage{stage}")
                factor = constant(f"stage{stage}.factor", np.float32(stages[stage]))
                pooled.append(add("Mul", [y, factor], f"stage{stage}.scaled"))
            if stages and stage == max(stages):
                break
        else:
            x = convolution(x, "_conv_head", "_bn1", size)
    except KeyError as error:
        raise EmbeddingError(
            f"these are not the weights of EfficientNet-Lite0: {error} is missing"
        ) from error
    x = add("Concat", pooled, "pooled", axis=1) if stages else add("GlobalAveragePool", [x], "pooled")
    add("Flatten", [x], "embeddings", axis=1)
    shape = ["n", "side", "side", 3] if stages else ["n", POOLED_SIDE, POOLED_SIDE, 3]
    dim = sum(STAGE_CHANNELS[stage] for stage in stages) if stages else POOLED_DIM
    graph = helper.make_graph(
        nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info("tiles", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", dim])],
        constants,
    )
    # An operator set and format that every onnxruntime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)
