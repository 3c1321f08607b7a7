"""ONNX Runtime on the CPU, float32: slower than OpenVINO, and there on nearly every machine."""

from __future__ import annotations

import os
from typing import Any

from runtime.contract.bundle import GraphInfo
from runtime.engines import Arrays
from runtime.errors import BundleError, Unavailable


class OnnxRuntimeGraph:
    """Also its own session: ONNX Runtime keeps no buffers between runs."""

    def __init__(self, session: Any, outputs: tuple[str, ...]) -> None:
        self._session, self._outputs = session, outputs

    def new_session(self) -> OnnxRuntimeGraph:
        return self

    def run(self, inputs: Arrays) -> Arrays:
        return dict(zip(self._outputs, self._session.run(list(self._outputs), dict(inputs)), strict=True))


class OnnxRuntimeEngine:
    name = "onnxruntime"
    exact = True

    def __init__(self, threads: int | None = None) -> None:
        """`threads` for one inference, all cores by default. Raises Unavailable where ONNX Runtime is not installed."""
        try:
            import onnxruntime
        except ImportError:
            raise Unavailable("the engine 'onnxruntime' needs its package: pip install onnxruntime") from None
        self._runtime = onnxruntime
        self._threads = threads or os.cpu_count() or 1
        self.description = f"ONNX Runtime {onnxruntime.__version__}, CPU, float32, {self._threads} threads"

    def load(self, onnx: bytes, info: GraphInfo) -> OnnxRuntimeGraph:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the other core has work of its own
        try:
            session = self._runtime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except self._runtime.capi.onnxruntime_pybind11_state.Fail as error:
            raise BundleError(f"ONNX Runtime cannot read a graph of the bundle: {str(error).splitlines()[0]}") from error
        return OnnxRuntimeGraph(session, tuple(t.name for t in info.outputs))
