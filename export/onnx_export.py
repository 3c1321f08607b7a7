"""Tracing a graph to ONNX."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping

import onnx
import torch
from torch import Tensor, nn

from runtime.contract.bundle import GraphInfo
from runtime.contract.bundle import Tensor as TensorInfo

OPSET = 20

NodeRule = Callable[[onnx.NodeProto, Mapping[str, tuple[int, ...]]], bool]
"""Whether a node must stay in float32, from the node and the shapes of all values by name."""


def export_graph(
    module: nn.Module, inputs: Mapping[str, Tensor], outputs: tuple[str, ...], float32: NodeRule
) -> tuple[bytes, GraphInfo]:
    """Trace `module` with example inputs (batch of 2, so that the batch is seen to be free) to an ONNX model.

    Returns its bytes, weights inside, and what the manifest says of it.
    """
    examples = tuple(inputs.values())
    batch = torch.export.Dim("batch", min=1, max=64)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(), examples, input_names=list(inputs), output_names=list(outputs), opset_version=OPSET,
            dynamo=True, dynamic_shapes=tuple({0: batch} for _ in inputs), verbose=False,
        )  # fmt: skip
        results = module(*examples)
    assert program is not None
    model = program.model_proto
    onnx.checker.check_model(model)
    shapes = _shapes(model)
    kept = tuple(node.name for node in model.graph.node if float32(node, shapes))
    produced = results if isinstance(results, tuple) else (results,)
    info = GraphInfo(
        tuple(_describe(name, tensor) for name, tensor in inputs.items()),
        tuple(_describe(name, tensor) for name, tensor in zip(outputs, produced, strict=True)),
        kept,
    )
    return _without_history(model).SerializeToString(), info


def scope(node: onnx.NodeProto) -> str:
    """The path of torch modules a node comes from."""
    return next((p.value for p in node.metadata_props if p.key == "namespace"), "")


def _describe(name: str, tensor: Tensor) -> TensorInfo:
    return TensorInfo(name, (0, *tensor.shape[1:]), str(tensor.dtype).removeprefix("torch."))


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    inferred = onnx.shape_inference.infer_shapes(model)
    values = [*inferred.graph.value_info, *inferred.graph.output, *inferred.graph.input]
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}


def _without_history(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the exporter's notes on source files, which would carry paths of this machine."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides three known notices: no torchvision, what torch itself deprecates, and one name for all batches."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".*LeafSpec", FutureWarning)
            warnings.filterwarnings("ignore", r"# The axis name: batch will not be used", UserWarning)
            yield
    finally:
        logger.setLevel(level)
