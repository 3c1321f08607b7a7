"""What a bank costs and how it moves: `python -m tests.end_to_end.bank WITH.mien --without WITHOUT.mien`.

Cost: pictures of the bundle with the bank, idle and playing, against the same avatar without one, in turn in one run;
the median of the differences between neighbours, of the time and of the processor's time.

Movement: the largest change between frames (30 a second, mean absolute difference of the RGBA picture, 0..255) while
each expression is prompted on a still head, over the median change of live driving: a video, or a performance of the
studio where none is given.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from offline.studio.performance import performance
from runtime.avatar.choose import ENGINES
from runtime.avatar.loaded import LoadedAvatar
from runtime.commands.render import states_of_video
from runtime.contract.bundle import read_bundle
from runtime.contract.drive import BANK, DriveState
from runtime.driving.language.prompts import parse
from runtime.driving.mixer import Mixer
from runtime.driving.repertoire import Repertoire
from runtime.driving.sources import Player
from runtime.live.session import Renderer

FPS = 30
LIVE_FRAMES = 240


class Still:
    """A head that does nothing by itself."""

    def sample(self, now: float) -> DriveState:
        return DriveState(timestamp=now)


def cost(banked: Path, plain: Path, engine: str, rounds: int) -> dict[str, float]:
    """Milliseconds a picture more than without a bank, by what plays. The weight changes with every picture."""
    sessions = {
        "without": LoadedAvatar.load(plain, engine).new_renderer(),
        "with": LoadedAvatar.load(banked, engine).new_renderer(),
    }
    spent: dict[str, list[tuple[float, float]]] = {"without": [], "idle": [], "one plays": [], "two play": []}
    for n in tqdm(range(rounds + 5), desc=engine, unit="round"):
        swing = 0.5 + 0.4 * np.sin(n / 5)
        for what, taken in spent.items():
            weights = np.zeros(BANK, np.float32)
            weights[: {"one plays": 1, "two play": 2}.get(what, 0)] = swing
            session = sessions["without" if what == "without" else "with"]
            begun, used = time.perf_counter(), time.process_time()
            session.render(DriveState(bank=weights))
            taken.append((time.perf_counter() - begun, time.process_time() - used))
    base = np.array(spent.pop("without")[5:]) * 1000
    figures = {"without a bank, ms": float(np.median(base[:, 0]))}
    figures["without a bank, ms of processor"] = float(np.median(base[:, 1]))
    for what, taken in spent.items():
        more = np.median(np.array(taken[5:]) * 1000 - base, axis=0)
        figures |= {f"{what}, ms more": float(more[0]), f"{what}, ms of processor more": float(more[1])}
    return {name: round(value, 2) for name, value in figures.items()}


def changes(session: Renderer, states: Iterable[DriveState]) -> list[float]:
    """Mean absolute difference of each picture to the one before."""
    pictures = (session.render(state).rgba.astype(np.int16) for state in states)
    return [float(np.abs(after - before).mean()) for before, after in itertools.pairwise(pictures)]


def prompted(repertoire: Repertoire, text: str) -> Iterator[DriveState]:
    """A still head that is told something, until it rests again."""
    player = Player("prompt")
    mixer = Mixer(Still(), (), (player,), repertoire=repertoire)
    yield mixer.sample(0.0).state
    timeline = parse(text, repertoire.lexicon).timeline
    player.play(timeline, 0.0)
    for n in range(1, round((timeline.duration + 0.5) * FPS)):
        yield mixer.sample(n / FPS).state


def movement(banked: Path, engine: str, video: Path | None) -> dict[str, float]:
    """Median change of live driving, and the largest of each prompt as a multiple of it."""
    avatar = LoadedAvatar.load(banked, engine)
    session, repertoire = avatar.new_renderer(), Repertoire(avatar.bank)
    live = states_of_video(video, FPS, repertoire) if video else iter(performance(LIVE_FRAMES, FPS, seed=1))
    median = float(np.median(changes(session, itertools.islice(live, LIVE_FRAMES))))
    figures = {"live driving, median change": median}
    for expression in tqdm(avatar.bank, desc="prompts", unit="prompt"):
        figures[f"{expression.name}, largest / median"] = max(changes(session, prompted(repertoire, expression.name)))
        figures[f"{expression.name}, largest / median"] /= median
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.bank", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--without", type=Path, help="the same avatar without its bank; none: the cost is left out")
    parser.add_argument("--video", type=Path, help="live driving")
    parser.add_argument("--engine", choices=sorted(ENGINES), action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    engines = args.engine or sorted(ENGINES)
    own = read_bundle(args.bundle).manifest
    stored = own.files["bank.npz"]["bytes"] / max(len(own.bank), 1)
    report: dict[str, object] = {"megabytes an expression": round(stored / 1e6, 2)}
    if args.without:
        report["cost"] = {name: cost(args.bundle, args.without, name, args.rounds) for name in engines}
    report["movement"] = movement(args.bundle, engines[0], args.video)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
