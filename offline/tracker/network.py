"""The network that reads expressions, for torch, and how it is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from offline.tracker.pairs import Pairs
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.contract.head_model import HeadModel
from runtime.tracking.crop import HEIGHT, WIDTH
from runtime.tracking.reader import CONVOLUTIONS, DENSE, DOUBT, LEAST_CONTRAST, OUTPUTS, READ, SCALE, restful

EPOCHS, BATCH, RATE = 8, 64, 2e-3
NOISE = 0.004
"""dm, standard deviation of what each landmark is off by while learning."""
STRANGER = 0.15
"""Standard deviations by which identities are wrong while learning."""
BLIND = 0.2
"""Share of faces that are learnt without the crop."""
DROPOUT = 0.15
CHANNELS = (3, 12, 24, 32, 48)
SEEN = 96
"""Numbers that the crop becomes."""
UPPER = np.array([i for i, name in enumerate(EXPRESSIONS) if name.startswith(("eye", "brow"))], np.intp)
"""Axes that are known where the mouth is hidden."""
SELDOM = [INDEX[name] for name in ("tongueOut", "cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthClose")]
"""Axes whose faces are learnt more often, since only the crop shows them well."""
LOWER = np.setdiff1d(np.arange(len(EXPRESSIONS)), UPPER)


class Network(nn.Module):
    """`CoefficientReader` for torch; `arrays` is what that one takes."""

    def __init__(self) -> None:
        super().__init__()
        pairs = pairwise(CHANNELS)
        self.conv1, self.conv2, self.conv3, self.conv4 = (nn.Conv2d(a, b, 3, 2, 1) for a, b in pairs)
        self.crop = nn.Linear(CHANNELS[-1] * (HEIGHT // 16) * (WIDTH // 16), SEEN)
        self.face = nn.Linear(3 * len(READ) + 3, 192)
        self.joined = nn.Linear(192 + SEEN, 160)
        self.out = nn.Linear(160, OUTPUTS)

    def seen(self, crop: Tensor) -> Tensor:
        """What is seen in crops [N, 3, 96, 64]: [N, 96]."""
        pixels = crop
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            pixels = F.relu(layer(pixels))
        return F.relu(self.crop(pixels.flatten(1)))

    def forward(self, face: Tensor, seen: Tensor) -> Tensor:
        """[N, 3 n + 3] and [N, 96], zeros where the crop is not looked at → [N, 53], not yet bounded."""
        both = torch.cat([F.relu(self.face(face)), seen], 1)
        return self.out(F.relu(self.joined(F.dropout(both, DROPOUT, self.training))))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Weights and biases in half precision, by the names that `CoefficientReader` knows."""
        layers = self.state_dict()
        return {
            f"{layer}.{part}": layers[f"{layer}.{part}"].numpy().astype(np.float16)
            for layer in (*CONVOLUTIONS, *DENSE)
            for part in ("weight", "bias")
        }


class _Usual:
    """Draws what may be known of how the people look at rest when they are met: some of their faces."""

    def __init__(self, parts: Sequence[Pairs]) -> None:
        self._away = [torch.from_numpy(part.away).flatten(1) for part in parts]
        self._rest = [torch.from_numpy(restful(part.expression) * part.visible).float() for part in parts]
        self._person = np.repeat(np.arange(len(parts)), [len(part.away) for part in parts])

    def of(self, chosen: Tensor) -> Tensor:
        """[N, n, 3], dm, to be taken off the pairs with these numbers [N]."""
        made = []
        for person in self._person[chosen.numpy()].tolist():
            rest = self._rest[person]
            weight = rest * (torch.rand(len(rest)) < torch.rand(1)) * (1 + 5 * torch.rand(1))
            made.append(weight @ self._away[person] / (weight.sum() + DOUBT))
        return torch.stack(made).view(len(made), -1, 3)


def learn(parts: Sequence[Pairs], seed: int = 0, epochs: int = EPOCHS) -> Network:
    """A network of these people and their mirror images."""
    torch.manual_seed(seed)
    people = [part for each in parts for part in (each, each.mirrored())]
    pairs, usual = Pairs.joined(people), _Usual(people)
    away, angles = torch.from_numpy(pairs.away), torch.from_numpy(pairs.angles)
    crops = torch.from_numpy(np.ascontiguousarray(pairs.crops))
    truth, visible = torch.from_numpy(pairs.expression), torch.from_numpy(pairs.visible)
    identity = torch.from_numpy(HeadModel.load().identity[:, READ])
    scale = torch.from_numpy(SCALE).float()
    # Axes that play seldom would count for little.
    weight = 1 / (truth.std(0) + 0.05)
    weight = weight / weight.mean()
    often = 1 + 2 * truth[:, SELDOM].amax(1)
    network, alone_out = Network(), nn.Linear(SEEN, OUTPUTS)
    optimiser = torch.optim.AdamW([*network.parameters(), *alone_out.parameters()], RATE, weight_decay=0.02)
    batch = min(BATCH, len(truth))
    steps = epochs * (len(truth) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, max(steps, 2))
    for _ in tqdm(range(epochs), "learn", unit="epoch"):
        for chosen in torch.multinomial(often, len(truth) // batch * batch, replacement=True).split(batch):
            strange = torch.tensordot(STRANGER * torch.randn(batch, len(identity)), identity, 1)
            moved = away[chosen] - usual.of(chosen) + strange + NOISE * torch.randn_like(away[chosen])
            face = torch.cat([(moved * scale).flatten(1), angles[chosen] + 0.02 * torch.randn(batch, 3)], 1)
            sighted = (torch.rand(batch, 1) >= BLIND).float()
            looked = disturbed(crop_inputs(crops[chosen]))
            seen = network.seen(looked)
            made = network(face, seen * sighted)
            shown = torch.ones(batch, len(EXPRESSIONS))
            shown[:, LOWER] *= visible[chosen, None]
            error = (made[:, :-1] - truth[chosen]).square() * weight * shown
            doubt = F.binary_cross_entropy_with_logits(made[:, -1], visible[chosen], reduction="none") * sighted[:, 0]
            # Landmarks are learnt quickly; alone, the crop has to learn as well.
            alone = (alone_out(seen)[:, :-1] - truth[chosen]).square() * weight * shown
            loss = error.mean() + 0.5 * alone.mean() + 0.01 * doubt.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def crop_inputs(crops: Tensor) -> Tensor:
    """`crop_input` of crops [N, H, W, 3]: [N, 3, H, W]."""
    values = crops.permute(0, 3, 1, 2).float()
    spread = values.flatten(1).std(1, correction=0).clamp(min=LEAST_CONTRAST)
    return (values - values.mean((2, 3), keepdim=True)) / spread[:, None, None, None]


def disturbed(crops: Tensor) -> Tensor:
    """Crops [N, 3, H, W] as other faces, cameras and lights would have them: shifted, turned, of another size, colour,
    sharpness and light."""
    count, ratio = len(crops), HEIGHT / WIDTH
    angle, size = 0.06 * torch.randn(count), torch.exp(0.06 * torch.randn(count))
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = size * angle.cos(), size * angle.cos()
    turn[:, 0, 1], turn[:, 1, 0] = -size * angle.sin() * ratio, size * angle.sin() / ratio
    turn[:, :, 2] = torch.randn(count, 2) * torch.tensor([0.05, 0.04])
    grid = F.affine_grid(turn, [count, 3, HEIGHT, WIDTH], align_corners=False)
    moved = F.grid_sample(crops, grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(moved, 3, 1, 1, count_include_pad=False)
    moved = torch.lerp(moved, blurred, torch.rand(count, 1, 1, 1) * (torch.rand(count, 1, 1, 1) < 0.5))
    moved = moved * torch.exp(0.1 * torch.randn(count, 3, 1, 1) + 0.1 * torch.randn(count, 1, 1, 1))
    across, down = torch.linspace(-1, 1, WIDTH), torch.linspace(-1, 1, HEIGHT)[:, None]
    return moved + 0.2 * torch.randn(count, 1, 1, 1) * across + 0.2 * torch.randn(count, 1, 1, 1) * down
