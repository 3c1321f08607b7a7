"""From captures to training pairs: which reference for which target, text dropout, the pictures themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline.joker.captures.layout import TONGUE, Captures, Person, Picture
from offline.joker.captures.views import BACKGROUND
from runtime.errors import BadInput

REFERENCES = (4.0, 2.0, 1.0)
"""Odds of the frames most different from the target as its reference (Joker's released code)."""


@dataclass(frozen=True)
class Batch:
    """B pairs; pictures [B, 3, P, P], 0..1."""

    reference: Tensor
    target: Tensor
    normals: Tensor
    captions: list[str]
    """The target's; "" where the text was dropped."""

    def part(self, chosen: slice) -> Batch:
        """Some of the pairs."""
        return Batch(self.reference[chosen], self.target[chosen], self.normals[chosen], self.captions[chosen])


class Pairs:
    """Draws pairs from captures, each of one person.

    `reference` says which frame a target's reference is: "frontal", the person's first one, or "diverse", one of the
    three whose expressions are farthest from the target's, by the odds 4:2:1. Targets are drawn by rank: how far their
    expression is from rest and from the person's others, and a point for a tongue.
    """

    def __init__(
        self, sources: Sequence[Captures], size: int, reference: str, dropout: float, tint: float, memory: int = 2**30
    ) -> None:
        """Every source is drawn from equally often (Joker's second stage: 1:1).

        `size` in pixels divides theirs; `dropout` is the share of empty captions, `tint` the spread of random colour
        that both pictures of a pair get; at most `memory` bytes of pictures are kept in memory. Raises BadInput where
        captures are of another size.
        """
        for captures in sources:
            if captures.size % size:
                raise BadInput(
                    f"the captures '{captures.folder}' of {captures.size} pixels cannot be averaged down to {size}; "
                    "make them with a multiple of that"
                )
        if reference not in ("frontal", "diverse"):
            raise ValueError(f"a reference is 'frontal' or 'diverse', not '{reference}'")
        self.people = tuple(person for captures in sources for person in captures.people)
        ends = np.cumsum([len(captures.people) for captures in sources]).tolist()
        self._shares = list(zip([0, *ends[:-1]], ends, strict=True))
        self.size, self.reference = size, reference
        self.dropout, self.tint = dropout, tint
        self._kept: dict[tuple[int, int], tuple[Picture, Picture]] = {}
        self._room = memory // (7 * size * size)
        self._odds: dict[int, NDArray[np.float64]] = {}

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """`count` random pairs."""
        chosen = [self._pair(self._random_person(rng), rng) for _ in range(count)]
        tints = [np.exp(self.tint * rng.normal(size=3)) for _ in chosen]
        reference = [self._over(self._frame(who, at)[0], t) for (who, at, _), t in zip(chosen, tints, strict=True)]
        target = [self._over(self._frame(who, at)[0], t) for (who, _, at), t in zip(chosen, tints, strict=True)]
        normals = [self._frame(who, at)[1].astype(np.float32) / 255 for who, _, at in chosen]
        captions = [self.people[who].frames[at].caption for who, _, at in chosen]
        captions = ["" if rng.uniform() < self.dropout else caption for caption in captions]
        return Batch(_stacked(reference), _stacked(target), _stacked(normals), captions)

    def fixed(self, pairs: Sequence[tuple[int, int]]) -> Batch:
        """Given (person, frame) targets with the frontal reference, as they are."""
        plain = np.ones(3)
        reference = [self._over(self._frame(who, 0)[0], plain) for who, _ in pairs]
        target = [self._over(self._frame(who, at)[0], plain) for who, at in pairs]
        normals = [self._frame(who, at)[1].astype(np.float32) / 255 for who, at in pairs]
        captions = [self.people[who].frames[at].caption for who, at in pairs]
        return Batch(_stacked(reference), _stacked(target), _stacked(normals), captions)

    def _random_person(self, rng: np.random.Generator) -> int:
        """The number of a person, of a source that is drawn first."""
        return int(rng.integers(*self._shares[rng.integers(len(self._shares))]))

    def _pair(self, who: int, rng: np.random.Generator) -> tuple[int, int, int]:
        """(person, reference, target)."""
        person = self.people[who]
        odds = self._odds.setdefault(who, target_odds(person))
        target = int(rng.choice(len(odds), p=odds))
        if self.reference == "frontal":
            return who, 0, target
        return who, diverse_reference(person, target, rng), target

    def _frame(self, who: int, at: int) -> tuple[Picture, Picture]:
        """RGBA and normals of a frame at the pairs' size."""
        if (who, at) in self._kept:
            return self._kept[who, at]
        person = self.people[who]
        rgba = person.picture(at).astype(np.float32)
        rgba[..., :3] *= rgba[..., 3:] / 255  # averaged premultiplied
        small = self._small(rgba)
        normals = self._small(person.normals(at).astype(np.float32))
        made = (small + 0.5).astype(np.uint8), (normals + 0.5).astype(np.uint8)
        if len(self._kept) < self._room:
            self._kept[who, at] = made
        return made

    def _small(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA), np.float32)

    def _over(self, premultiplied: Picture, tint: NDArray[np.float64]) -> NDArray[np.float32]:
        """RGB [P, P, 3] over the plain background."""
        values = premultiplied.astype(np.float32) / 255
        alpha = values[..., 3:]
        return np.minimum(values[..., :3] * tint, alpha).astype(np.float32) + BACKGROUND * (1 - alpha)


def target_odds(person: Person) -> NDArray[np.float64]:
    """How likely each of a person's frames is to be a target; the first, frontal one may be one too."""
    values = np.array([frame.expression for frame in person.frames])
    spread = np.linalg.norm(values[:, None] - values[None], axis=-1).max(1)
    rank = np.linalg.norm(values, axis=1) + 2 * spread
    rank = rank / max(float(rank.max()), 1e-9)
    rank += TONGUE * np.array(["tongue" in frame.caption for frame in person.frames])
    return np.asarray((1 + rank) / (1 + rank).sum())


def diverse_reference(person: Person, target: int, rng: np.random.Generator) -> int:
    """One of the three frames whose expressions are farthest from the target's, the farthest most likely."""
    values = np.array([frame.expression for frame in person.frames])
    distance = np.linalg.norm(values - values[target], axis=1)
    distance[target] = -1
    shuffled = rng.permutation(len(values))  # views of one moment are equally far
    farthest = shuffled[np.argsort(-distance[shuffled], kind="stable")][: min(len(REFERENCES), len(values) - 1)]
    odds = np.array(REFERENCES[: len(farthest)])
    return int(rng.choice(farthest, p=odds / odds.sum()))


def _stacked(pictures: Sequence[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
