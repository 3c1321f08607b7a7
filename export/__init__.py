"""From a trained run to a bundle: three ONNX graphs, checked against the torch modules they come from."""

from runtime.telemetry import switch_off

switch_off()
