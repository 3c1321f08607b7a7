"""Which engine runs a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from statistics import median

from runtime.avatar.bank import BankPlanes, planes_of
from runtime.avatar.chain import Performer, joined
from runtime.contract.bundle import Bundle
from runtime.contract.drive import DriveState
from runtime.engines import Engine, Graph
from runtime.engines.onnxruntime import OnnxRuntimeEngine
from runtime.engines.openvino import OpenVinoEngine
from runtime.errors import BadInput, Unavailable
from runtime.naming import unknown

ENGINES: dict[str, Callable[[], Engine]] = {"openvino": OpenVinoEngine, "onnxruntime": OnnxRuntimeEngine}
"""By name, the likely fastest first."""

TRIAL_RUNS = 3
HOPELESS = 2.0
"""An engine whose picture takes this many times the best one's is tried no further."""


@dataclass(frozen=True)
class Choice:
    """An engine, the bundle's graphs as it joined them, and why it was taken."""

    engine: Engine
    graph: Graph
    bank: BankPlanes | None
    """What its expressions of its own add to the planes, where it has any."""
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

    `auto` renders a few pictures on each. Raises BadInput on an unknown name and Unavailable where nothing can run.
    """
    bank = planes_of(bundle)
    if name != "auto":
        if name not in ENGINES:
            raise BadInput(unknown("engine", name, ["auto", *ENGINES]))
        engine = ENGINES[name]()
        return Choice(engine, joined(engine, bundle), bank, f"{engine.description} (as asked)")
    engines = [e for e in installed().values() if not isinstance(e, Unavailable)]
    if not engines:
        raise Unavailable("no engine is installed; install one with: pip install openvino")
    timed: list[tuple[float, Engine, Graph]] = []
    for engine in engines:
        graph = joined(engine, bundle)
        best_so_far = min((t for t, *_ in timed), default=inf)
        timed.append((_seconds(Performer(graph, bundle.manifest.latent, bank), best_so_far), engine, graph))
    timed.sort(key=lambda t: t[0])
    best = timed[0]
    report = ", ".join(f"{e.name} {1000 * s:.0f} ms" for s, e, _ in timed)
    return Choice(best[1], best[2], bank, f"{best[1].description} (fastest of: {report} a picture)")


def _seconds(performer: Performer, best: float) -> float:
    """What a picture takes, once warm; `best` is what it took the fastest so far."""
    performer.render(DriveState())
    seconds: list[float] = []
    while len(seconds) < TRIAL_RUNS and min(seconds, default=0.0) < HOPELESS * best:
        seconds.append(performer.render(DriveState()).seconds["graphs"])
    return median(seconds)
