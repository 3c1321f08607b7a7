"""When which targets are made: the two stages of the distillation, and its variants, as a list of rounds."""

from __future__ import annotations

from dataclasses import dataclass

from offline.joker.distill.presets import DistillPreset
from offline.joker.prior.denoiser import noise_levels
from runtime.errors import BadInput
from runtime.naming import unknown

VARIANTS = ("two-stage", "single-step", "multi-step", "score")
"""The paper's; Stage 1 alone, down to the last level; Stage 2 alone, from the first level; score distillation."""


@dataclass(frozen=True)
class Round:
    """Targets are made once, then fitted."""

    steps: tuple[int, ...]
    """Time steps of DDIM from the renderings to the targets; none for score distillation, which has no targets."""
    iterations: int
    """Of the optimiser."""


def plan(preset: DistillPreset, total: int, variant: str = "two-stage", skipped: float = 0.0) -> list[Round]:
    """The rounds of a variant for a prior of `total` time steps; all variants have as many iterations in all.

    All but score distillation also ask the prior equally often: once for each view and level. `skipped` is the share of
    the levels, the noisiest, that are left out.
    """
    if variant not in VARIANTS:
        raise BadInput(unknown("variant of the distillation", variant, VARIANTS))
    levels = noise_levels(preset.levels, total)
    first = round(skipped * len(levels))
    single, multi = levels[first : preset.single], tuple(levels[preset.single :])
    iterations = len(single) * preset.iterations + preset.after
    if variant == "two-stage":
        return [*(Round((step,), preset.iterations) for step in single), Round(multi, preset.after)]
    if variant == "single-step":
        each, rest = divmod(iterations, len(levels) - first)
        rounds = [Round((step,), each) for step in levels[first:]]
        return [*rounds[:-1], Round(rounds[-1].steps, each + rest)]
    return [Round(tuple(levels[first:]) if variant == "multi-step" else (), iterations)]
