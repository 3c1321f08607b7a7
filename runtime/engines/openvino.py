"""OpenVINO on the CPU; bfloat16 where the processor has it, float32 where geometry needs it."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from runtime.contract.bundle import GraphInfo
from runtime.engines import STREAMS, Arrays, Loadable, default_threads
from runtime.errors import BundleError, Unavailable


class OpenVinoSession:
    def __init__(self, compiled: Any, outputs: tuple[str, ...]) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = [parameter.get_any_name() for parameter in compiled.inputs]
        self._outputs = outputs

    def run(self, inputs: Arrays) -> Arrays:
        results = self._request.infer(
            {name: inputs[name] for name in self._inputs}, share_inputs=True, share_outputs=True
        )
        return {name: np.asarray(results[i]) for i, name in enumerate(self._outputs)}


class OpenVinoGraph:
    def __init__(self, compiled: Any, outputs: tuple[str, ...]) -> None:
        self._compiled, self._outputs = compiled, outputs

    def new_session(self) -> OpenVinoSession:
        return OpenVinoSession(self._compiled, self._outputs)


class OpenVinoEngine:
    name = "openvino"

    def __init__(self, threads: int | None = None) -> None:
        """`threads` for one picture. Raises Unavailable where OpenVINO is not installed."""
        try:
            import openvino
        except ImportError:
            raise Unavailable("the engine 'openvino' needs its package: pip install openvino") from None
        self._openvino = openvino
        self._core = openvino.Core()
        capabilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._precision = "bf16" if "BF16" in capabilities else "f32"
        self.exact = self._precision == "f32"
        self._threads = threads or default_threads()
        release = openvino.__version__.split("-")[0]
        self.description = f"OpenVINO {release}, CPU, {self._precision}, {STREAMS} pictures of {self._threads} threads"

    def load(self, onnx: bytes, info: GraphInfo) -> OpenVinoGraph:
        return self._compile(self._read(onnx, info), tuple(t.name for t in info.outputs))

    def load_joined(self, graphs: Loadable, outputs: tuple[str, ...]) -> OpenVinoGraph:
        """One model, so that what one graph hands to the next keeps its precision and layout."""
        made: dict[str, Any] = {}
        parameters: list[Any] = []
        for onnx, info in graphs.values():
            model = self._read(onnx, info)
            for parameter in model.get_parameters():
                name = parameter.get_friendly_name()
                if name in made:
                    for reader in parameter.output(0).get_target_inputs():
                        reader.replace_source_output(made[name])
                else:
                    parameters.append(parameter)
            for tensor, result in zip(info.outputs, model.get_results(), strict=True):
                made[tensor.name] = result.input_value(0)
        joined = self._openvino.Model([made[name] for name in outputs], parameters, "joined")
        return self._compile(joined, outputs)

    def _read(self, onnx: bytes, info: GraphInfo) -> Any:
        try:
            model = self._core.read_model(onnx)
        except RuntimeError as error:
            raise BundleError(f"OpenVINO cannot read a graph of the bundle: {str(error).splitlines()[0]}") from error
        model.reshape({t.name: [1, *t.shape[1:]] for t in info.inputs})
        if info.float32 and not self.exact:
            model = self._keep_float32(model, set(info.float32))
        return model

    def _compile(self, model: Any, outputs: tuple[str, ...]) -> OpenVinoGraph:
        options = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "NUM_STREAMS": STREAMS,
            "INFERENCE_NUM_THREADS": self._threads * STREAMS,
        }
        return OpenVinoGraph(self._core.compile_model(model, "CPU", options), outputs)

    def _keep_float32(self, model: Any, names: set[str]) -> Any:
        """`model` with these nodes marked precise.

        The mark is OpenVINO's DisableFP16Compression attribute, which the CPU plugin honours for bfloat16 too. Python
        can only set it in the written form of a model.
        """
        with tempfile.TemporaryDirectory(prefix="mien-") as folder:
            description, weights = Path(folder, "graph.xml"), Path(folder, "graph.bin")
            self._openvino.serialize(model, description, weights)
            tree = ElementTree.parse(description)
            for layer in tree.iterfind("layers/layer"):
                if layer.get("name") in names:
                    info = layer.find("rt_info")
                    if info is None:
                        info = ElementTree.SubElement(layer, "rt_info")
                    ElementTree.SubElement(info, "attribute", {"name": "precise", "version": "0"})
            return self._core.read_model(ElementTree.tostring(tree.getroot()), weights.read_bytes())
