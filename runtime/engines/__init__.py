"""What runs a bundle's graphs: one file per backend behind one Protocol.

A backend's package is imported inside its own file alone, when an engine is made. `auto` measures those that are
installed and takes the fastest. TensorRT and CUDA join as further files and rows of `choose.ENGINES`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.contract.bundle import GraphInfo

Arrays = Mapping[str, NDArray[np.generic]]

STREAMS = 2
"""Pictures in the making at once. Graphs of many small steps use several cores better one picture a core than one step
at a time, and a step that waits for a busy core then holds up nobody else."""


def default_threads() -> int:
    """Threads for one picture: the machine's cores shared by `STREAMS`."""
    return max(1, (os.cpu_count() or 1) // STREAMS)


class GraphSession(Protocol):
    """One user's way to run a graph; owns its buffers. Use it from one thread at a time."""

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name. They may be overwritten by the next run: copy what must live longer.

        `inputs` may hold more than the graph takes.
        """
        ...


class Graph(Protocol):
    """A graph made ready; its weights are shared by all its sessions."""

    def new_session(self) -> GraphSession: ...


Loadable = Mapping[str, tuple[bytes, GraphInfo]]
"""ONNX bytes and description of each graph, in the order in which they run."""


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

    def load_joined(self, graphs: Loadable, outputs: tuple[str, ...]) -> Graph:
        """The graphs as one that gives `outputs` of any of them: an input that an earlier graph puts out by the same
        name is taken from there."""
        ...
