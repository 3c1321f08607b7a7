"""What runs a bundle's graphs: one file per backend behind one Protocol.

A backend's package is imported inside its own file alone, when an engine is made. `auto` measures those that are
installed and takes the fastest. TensorRT and CUDA join as further files and rows of `choose.ENGINES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.contract.bundle import GraphInfo

Arrays = Mapping[str, NDArray[np.generic]]


class GraphSession(Protocol):
    """One user's way to run a graph; owns its buffers. Use it from one thread at a time."""

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name. They may be overwritten by the next run: copy what must live longer."""
        ...


class Graph(Protocol):
    """A graph made ready; its weights are shared by all its sessions."""

    def new_session(self) -> GraphSession: ...


class Engine(Protocol):
    """A backend on one device."""

    name: str
    """As `--engine` takes it."""
    description: str
    """Backend, version, device and precision, for people."""
    exact: bool
    """Whether it computes in float32 throughout."""

    def load(self, onnx: bytes, info: GraphInfo) -> Graph:
        """Make a graph ready for batches of 1. Raises BundleError where the backend cannot read it."""
        ...
