"""Learns what the tracker reads expressions with: ``python -m offline.tracker.learn EXAMPLES``.

Of ten people eight are learnt from and two measured on: the fit to landmarks alone, all that the network reads, and the
tracker, which takes from the network what landmarks do not show.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.files import replaced
from offline.tracker.examples import Examples
from offline.tracker.network import EPOCHS, learn
from offline.tracker.pairs import Fitted, fitted
from runtime.contract.axes import Array
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.contract.head_model import HeadModel
from runtime.tracking.reader import CoefficientReader, Usual

FOLD = 5
"""Of so many people the first is measured on."""
SHIPPED = Path(__file__).parents[2] / "runtime/tracking/data/reader.npz"
TONGUE = INDEX["tongueOut"]
OUT, IN = 0.6, 0.02
"""True tongueOut from which a tongue is out, and below which it is in."""
SAID = 0.3
"""Coefficient from which the tracker says so."""


def truth_of(examples: Examples, found: Fitted) -> Array:
    """True coefficients [N, 52] of the pictures that were fitted."""
    return np.asarray(examples.expression[found.performance.frames])


def readings(found: Fitted, reader: CoefficientReader) -> tuple[Array, Array]:
    """Coefficients [N, 52] of the fit, and what the network reads."""
    fit, usual = found.performance, Usual()
    made = [s.coefficients[: len(EXPRESSIONS)] for s in fit.solutions]
    read = [reader.read(fit.person.face, observation, usual).expression for observation in fit.observations]
    return np.array(made, np.float32), np.array(read, np.float32)


def correlations(made: Array, truth: Array) -> NDArray[np.float64]:
    """[52], of coefficients [N, 52]; 0 where one of the two is always the same."""
    moving = (made.std(0) > 1e-6) & (truth.std(0) > 1e-6)
    a, b = made - made.mean(0), truth - truth.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(moving, (a * b).mean(0) / (made.std(0) * truth.std(0)), 0.0).astype(np.float64)


def table(columns: dict[str, Array], truth: Array) -> str:
    """A Markdown table: mean absolute error, correlation by axis, tongues found, of coefficients [N, 52] each."""
    scores = {name: correlations(made, truth) for name, made in columns.items()}
    out, shut = truth[:, TONGUE] >= OUT, truth[:, TONGUE] <= IN

    def row(title: str, values: Sequence[str]) -> str:
        return "| " + " | ".join([title, *values]) + " |"

    lines = [row("", list(columns)), "|---" * (len(columns) + 1) + "|"]
    lines.append(row("mean absolute error", [f"{np.abs(made - truth).mean():.3f}" for made in columns.values()]))
    lines.append(row("mean correlation", [f"{score.mean():.2f}" for score in scores.values()]))
    lines.append(row("axes at .7", [str(int((score >= 0.7).sum())) for score in scores.values()]))
    for title, which in (("tongue said to be out, out", out), ("tongue said to be out, in", shut)):
        lines.append(row(title, [f"{(made[which, TONGUE] > SAID).mean():.2f}" for made in columns.values()]))
    lines += [row(name, [f"{s[k]:.2f}" for s in scores.values()]) for k, name in enumerate(EXPRESSIONS)]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", type=Path, metavar="EXAMPLES", help="what offline.tracker.examples wrote")
    parser.add_argument("-o", "--out", type=Path, default=SHIPPED, help="the network (default: the shipped one)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="0: only measure (default %(default)s)")
    options = parser.parse_args(arguments)
    model, files = HeadModel.load(), sorted(options.examples.glob("person-*.npz"))
    if options.epochs:
        known = [path for i, path in enumerate(files) if i % FOLD]
        pairs = [fitted(Examples.load(path), model).pairs for path in tqdm(known, desc="fit", unit="person")]
        arrays = learn(pairs, epochs=options.epochs).arrays()
        replaced(options.out, lambda temporary: np.savez_compressed(temporary, **arrays))
    reader, rows = CoefficientReader.of(options.out.read_bytes()), []
    for path in tqdm(files[::FOLD], desc="try", unit="person"):
        examples = Examples.load(path)
        plain, found = fitted(examples, model), fitted(examples, model, reader)
        if list(plain.performance.frames) == list(found.performance.frames):
            rows.append((readings(plain, reader)[0], *readings(found, reader), truth_of(examples, found)))
    fit, tracker, network, true = (np.concatenate(column) for column in zip(*rows, strict=True))
    print(table({"fit": fit, "network": network, "tracker": tracker}, true))


if __name__ == "__main__":
    main()
