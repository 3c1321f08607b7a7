"""Does the prior do what the sentence says where the coefficients cannot? Held-out people, families of looks.

A case is a person, a family and one of its looks, seen from one side. All looks of the family are rendered as truths;
the answer is the look whose truth is nearest to the prior's picture, over the pixels where the truths differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from offline.joker.captures.layout import FITTED
from offline.joker.captures.normals import head_normals
from offline.joker.captures.views import BACKGROUND, head_camera
from offline.joker.prior.bound import Prior, sample
from offline.joker.world.fitted import fitted_identity
from offline.joker.world.looks import EVERYDAY, FAMILIES, WHO, Look, expression, person
from offline.studio.identity import Identity
from offline.studio.render import Render, render
from runtime.contract.drive import DriveState
from runtime.contract.head_model import HeadModel

STRANGERS = 200_000
"""Seed of the first person of the cases; nobody trains on people from here on."""
DIFFERENT = 0.06
"""Display value by which two truths must differ in a pixel for it to count."""
SIDEWAYS, UPWARDS = np.radians([25.0, 10.0])
"""Views of the cases: from where a tongue, a cheek and a forehead can be seen."""
STEPS = 20


@dataclass(frozen=True)
class Case:
    """One question to the prior; pictures are 0..1."""

    look: str
    looks: tuple[str, ...]
    prompt: str
    reference: Tensor
    """[3, P, P], frontal and neutral."""
    normals: Tensor
    """[3, P, P]."""
    truths: Tensor
    """[looks, 3, P, P]."""

    @property
    def truth(self) -> Tensor:
        """The right answer [3, P, P]."""
        return self.truths[self.looks.index(self.look)]


@dataclass(frozen=True)
class CaseResults:
    """What came of the cases."""

    right: float
    """Share of pictures nearest to the right truth."""
    right_without_text: float
    """The same with the sentence left out."""
    right_of_truths: float
    """The same for the truths themselves, after the prior's autoencoder: how far the test can be trusted."""
    psnr: float
    """Of the pictures against the right truths, dB."""
    pictures: Tensor
    """[cases, 3, P, P]."""


def picture_of(who: Identity, look: Look, yaw: float, pitch: float, size: int) -> Tensor:
    """The truth over the plain background, [3, size, size]."""
    state = DriveState(expression=expression(look).astype(np.float32))
    return over_background(render(who, state, head_camera(yaw, pitch), size, look.manner))


def over_background(made: Render) -> Tensor:
    """A rendering over the plain background, [3, size, size], 0..1."""
    colour = made.color + BACKGROUND * (1 - made.alpha[..., None])
    return torch.from_numpy(colour.transpose(2, 0, 1).astype(np.float32)).clamp(0, 1)


def cases(count: int, size: int, head: str = FITTED) -> list[Case]:
    """`count` cases, the families and their looks in turn, everybody another person; `head` as `JokerPrior.head`."""
    model = HeadModel.load()
    looks = [(family, n) for family in FAMILIES.values() for n in range(len(family))]
    return [_case(i, *looks[i % len(looks)], model, size, head) for i in tqdm(range(count), desc="truths", unit="case")]


def _case(index: int, family: tuple[Look, ...], at: int, model: HeadModel, size: int, head: str) -> Case:
    rng = np.random.default_rng([index, 0xCA5E])
    who, look = person(STRANGERS + index), family[at]
    yaw, pitch = float(rng.uniform(-SIDEWAYS, SIDEWAYS)), float(rng.uniform(-UPWARDS, UPWARDS))
    values = expression(look).astype(np.float32)
    own = fitted_identity(who) if head == FITTED else None
    normals = head_normals(model, own, values, head_camera(yaw, pitch), size)
    truths = torch.stack([picture_of(who, other, yaw, pitch, size) for other in family])
    reference = picture_of(who, EVERYDAY[0], 0.0, 0.0, size)
    prompt, looks = f"{WHO[0]} {look.phrases[0]}", tuple(other.name for other in family)
    return Case(look.name, looks, prompt, reference, torch.from_numpy(normals), truths)


def answer(picture: Tensor, case: Case) -> str:
    """The look of the family that a picture [3, P, P] shows."""
    return case.looks[nearest_look(picture, case.truths)]


def nearest_look(picture: Tensor, truths: Tensor) -> int:
    """Which of the truths [looks, 3, P, P] a picture [3, P, P] is nearest to, where they differ."""
    spread = truths.amax(0) - truths.amin(0)
    differing = (spread.amax(0) > DIFFERENT).float()
    return int(((picture - truths).abs() * differing).sum((1, 2, 3)).argmin())


def answer_cases(prior: Prior, questions: list[Case], guidance: float, seed: int = 0) -> CaseResults:
    """Put all cases to the prior, with and without the sentence."""
    with_text: list[Tensor] = []
    without: list[Tensor] = []
    coded: list[Tensor] = []
    for n, case in enumerate(tqdm(questions, desc="prior", unit="case")):
        for prompt, into in ((case.prompt, with_text), ("", without)):
            bound = prior.bind(case.reference, case.normals[None], prompt, guidance if prompt else 1.0)
            into.append(sample(bound, [0], STEPS, torch.Generator().manual_seed(seed + n))[0].cpu())
        coded.append(bound.decode(bound.encode(case.truth[None]))[0].cpu())
    pictures = torch.stack(with_text)
    error = (pictures - torch.stack([case.truth for case in questions])).square().mean((1, 2, 3))
    with_sentence, without_sentence, coded_truths = (_share(made, questions) for made in (with_text, without, coded))
    return CaseResults(with_sentence, without_sentence, coded_truths, float((-10 * error.log10()).mean()), pictures)


def _share(pictures: list[Tensor], questions: list[Case]) -> float:
    right = [answer(picture, case) == case.look for picture, case in zip(pictures, questions, strict=True)]
    return sum(right) / len(right)
