"""How a prior is trained, as values."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from offline.config import Count, NotNegative, OneOf, Positive, Share, Whole, Within, checked
from runtime.errors import BadInput


@dataclass(frozen=True)
class PriorConfig:
    """The defaults are those of the small prior; `JOKER` has the paper's."""

    seed: Whole = 0
    """What everything random is drawn from."""
    batch: Count = 16
    """Pairs that a step of the optimiser learns from, in each process."""
    parts: Count = 1
    """Parts that a batch is computed in, one after another: less memory, the same gradients."""
    checkpointing: bool = False
    """Whether blocks are run again for the gradient instead of keeping what they computed: far less memory, a third
    more time."""
    learning_rate: Positive = 6e-4
    """Of AdamW, after the warm-up."""
    warm_up: Count = 200
    """Steps in which the learning rate rises to its value."""
    weight_decay: NotNegative = 1e-2
    """Of AdamW."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    trained: Annotated[str, OneOf(("all", "joker"))] = "all"
    """Which parts: "all" but the VAE, or "joker": the driving network, the denoiser's middle and up blocks, and the
    reference network up to its last self-attention."""
    reference: Annotated[str, OneOf(("frontal", "diverse"))] = "frontal"
    """"frontal" or "diverse", see `Pairs`."""
    dropout: Share = 0.1
    """Share of captions left out, for guidance."""
    tint: NotNegative = 0.08
    """Spread of the random colour of both pictures of a pair."""
    snr_cap: NotNegative = 5.0
    """Largest signal-to-noise weight of a time step (min-SNR, Hang et al. 2023); 0 for the plain loss."""
    face: NotNegative = 3.0
    """How much more an error on the face weighs than one beside it."""
    average: Annotated[float, Within(0, 0.999999)] = 0.999
    """Decay of the moving average of the weights, which is what is saved as the prior; 0 for none, which also takes
    neither memory nor disk."""
    precision: Annotated[str, OneOf(("no", "bf16"))] = "no"
    """"bf16" for convolutions and linear layers in bfloat16, or "no"."""
    vae_steps: Whole = 4000
    """Steps of the autoencoder's own training before; none where it came trained."""
    vae_rate: Positive = 1e-3
    """Largest learning rate of the autoencoder's training."""

    def __post_init__(self) -> None:
        checked(self)
        if self.parts > self.batch:
            raise BadInput(f"a batch of {self.batch} pairs is computed in 1 to {self.batch} parts, not {self.parts}")

    def what_is_learnt(self) -> dict[str, Any]:
        """The settings that the result depends on, as JSON gives them back."""
        values = asdict(self)
        for name in HOW_COMPUTED:
            del values[name]
        return dict(json.loads(json.dumps(values)))


HOW_COMPUTED = ("parts", "checkpointing")
"""Settings that change memory and time alone, so that a training may go on with others."""

JOKER = PriorConfig(
    batch=10, checkpointing=True, learning_rate=1e-5, warm_up=500, trained="joker", reference="diverse", tint=0.0,
    snr_cap=0.0, face=0.0, average=0.0, precision="bf16", vae_steps=0,
)  # fmt: skip
"""Joker's: AdamW at 1e-5, batches of 10 on each of 8 GPUs, 200,000 steps on CelebV-Text and 30,000 on a mixture."""

CONFIGS = {"studio": PriorConfig(), "joker": JOKER}
