"""Which engine runs a bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from runtime.contract.bundle import Bundle
from runtime.engines import Engine, Graph
from runtime.engines.onnxruntime import OnnxRuntimeEngine
from runtime.engines.openvino import OpenVinoEngine
from runtime.errors import BadInput, Unavailable
from runtime.naming import unknown

ENGINES: dict[str, Callable[[], Engine]] = {"openvino": OpenVinoEngine, "onnxruntime": OnnxRuntimeEngine}
"""By name, the likely fastest first."""

TRIAL_RUNS = 3


@dataclass(frozen=True)
class Choice:
    """An engine, the renderer as it loaded it, and why it was taken."""

    engine: Engine
    renderer: Graph
    reason: str


def installed() -> dict[str, Engine | Unavailable]:
    """Every engine by name, or why this machine cannot have it."""
    found: dict[str, Engine | Unavailable] = {}
    for name, make in ENGINES.items():
        try:
            found[name] = make()
        except Unavailable as error:
            found[name] = error
    return found


def choose(name: str, bundle: Bundle) -> Choice:
    """The engine of that name, or with ``auto`` the one that renders the bundle fastest on this machine.

    `auto` times the renderer, the heaviest graph, a few times on each. Raises BadInput on an unknown name and
    Unavailable where nothing can run.
    """
    onnx, info = bundle.files["renderer.onnx"], bundle.manifest.graphs["renderer"]
    if name != "auto":
        if name not in ENGINES:
            raise BadInput(unknown("engine", name, ["auto", *ENGINES]))
        engine = ENGINES[name]()
        return Choice(engine, engine.load(onnx, info), f"{engine.description} (as asked)")
    engines = [e for e in installed().values() if not isinstance(e, Unavailable)]
    if not engines:
        raise Unavailable("no engine is installed; install one with: pip install openvino")
    inputs = {t.name: np.zeros((1, *t.shape[1:]), t.dtype) for t in info.inputs}
    inputs["intrinsics"] = np.array([[2.2, 2.2, 0.5, 0.5]], np.float32)
    timed: list[tuple[float, Engine, Graph]] = []
    for engine in engines:
        graph = engine.load(onnx, info)
        session, seconds = graph.new_session(), []
        for _ in range(TRIAL_RUNS + 1):
            started = time.perf_counter()
            session.run(inputs)
            seconds.append(time.perf_counter() - started)
        timed.append((median(seconds[1:]), engine, graph))
    timed.sort(key=lambda t: t[0])
    best = timed[0]
    report = ", ".join(f"{e.name} {1000 * s:.1f} ms" for s, e, _ in timed)
    return Choice(best[1], best[2], f"{best[1].description} (fastest of: {report} for the renderer)")
