"""ONNX Runtime on the CPU, float32: slower than OpenVINO, and there on nearly every machine."""

from __future__ import annotations

from typing import Any

from runtime.contract.bundle import GraphInfo
from runtime.engines import Arrays, Loadable, default_threads
from runtime.errors import BundleError, Unavailable


class OnnxRuntimeGraph:
    """Also its own session: ONNX Runtime keeps no buffers between runs."""

    def __init__(self, session: Any, outputs: tuple[str, ...]) -> None:
        self._session, self._outputs = session, outputs
        self._inputs = [parameter.name for parameter in session.get_inputs()]

    def new_session(self) -> OnnxRuntimeGraph:
        return self

    def run(self, inputs: Arrays) -> Arrays:
        taken = {name: inputs[name] for name in self._inputs}
        return dict(zip(self._outputs, self._session.run(list(self._outputs), taken), strict=True))


class JoinedGraphs:
    """Graphs run in turn; also its own session."""

    def __init__(self, graphs: list[OnnxRuntimeGraph], outputs: tuple[str, ...]) -> None:
        self._graphs, self._outputs = graphs, outputs

    def new_session(self) -> JoinedGraphs:
        return self

    def run(self, inputs: Arrays) -> Arrays:
        known = dict(inputs)
        for graph in self._graphs:
            known |= graph.run(known)
        return {name: known[name] for name in self._outputs}


class OnnxRuntimeEngine:
    name = "onnxruntime"
    exact = True

    def __init__(self, threads: int | None = None) -> None:
        """`threads` for one picture. Raises Unavailable where ONNX Runtime is not installed."""
        try:
            import onnxruntime
        except ImportError:
            raise Unavailable("the engine 'onnxruntime' needs its package: pip install onnxruntime") from None
        self._runtime = onnxruntime
        self._threads = threads or default_threads()
        self.description = f"ONNX Runtime {onnxruntime.__version__}, CPU, float32, {self._threads} threads"

    def load(self, onnx: bytes, info: GraphInfo) -> OnnxRuntimeGraph:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the other core has work of its own
        try:
            session = self._runtime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except self._runtime.capi.onnxruntime_pybind11_state.Fail as error:
            raise BundleError(
                f"ONNX Runtime cannot read a graph of the bundle: {str(error).splitlines()[0]}"
            ) from error
        return OnnxRuntimeGraph(session, tuple(t.name for t in info.outputs))

    def load_joined(self, graphs: Loadable, outputs: tuple[str, ...]) -> JoinedGraphs:
        return JoinedGraphs([self.load(onnx, info) for onnx, info in graphs.values()], outputs)
