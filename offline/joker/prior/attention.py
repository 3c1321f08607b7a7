"""The attention join: the denoiser's self-attention also looks at the reference network's hidden states.

``K, V = W · [h ; h_ref]``: the reference's hidden states are put behind the denoiser's own along the tokens, before the
denoiser's own projections, in every self-attention of down, middle and up blocks (DiffPortrait3D; Joker's released
code). A hidden state is recorded where self-attention reads it, after the block's norm.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor

HiddenStates = dict[str, Tensor]
"""[R, tokens, C] by the name of the self-attention, for R references."""

_plain = AttnProcessor2_0()


class RecordingAttention:
    """Plain self-attention that keeps what it reads in the mapping `recorded`, where it is given one.

    Mappings come with every call, as `cross_attention_kwargs`: gradient checkpointing runs a block again long after its
    forward pass, and has to see then what it saw before.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self, attention: Attention, hidden_states: Tensor, recorded: HiddenStates | None = None, **given: Any
    ) -> Tensor:
        if recorded is not None:
            recorded.setdefault(self.name, hidden_states)  # a second run must not hold a second copy
        return _plain(attention, hidden_states, **given)


class JoinedAttention:
    """Self-attention that looks at the reference's hidden states too; plain where none are given."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self, attention: Attention, hidden_states: Tensor, reference: HiddenStates | None = None, **given: Any
    ) -> Tensor:
        if reference:
            given["encoder_hidden_states"] = joined(hidden_states, reference[self.name])
        return _plain(attention, hidden_states, **given)


class TextAttention:
    """Plain cross-attention. It is told what self-attention is told, and has no use for it."""

    def __call__(
        self, attention: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None, temb: Tensor | None = None, recorded: object = None,
        reference: object = None,
    ) -> Tensor:  # fmt: skip
        return _plain(attention, hidden_states, encoder_hidden_states, attention_mask, temb)


def joined(own: Tensor, reference: Tensor) -> Tensor:
    """[B, n, C] and [B or 1, m, C] → [B, n + m, C]."""
    return torch.cat([own, reference.expand(own.shape[0], -1, -1).to(own.dtype)], 1)


def record_self_attention(network: UNet2DConditionModel) -> None:
    """Make a network's self-attentions record into the mapping ``cross_attention_kwargs={"recorded": …}``."""
    network.set_attn_processor(
        {name: RecordingAttention(name) if _is_self(name) else TextAttention() for name in network.attn_processors}
    )


def join_self_attention(network: UNet2DConditionModel) -> None:
    """Make a network's self-attentions look at the mapping ``cross_attention_kwargs={"reference": …}``."""
    network.set_attn_processor(
        {name: JoinedAttention(name) if _is_self(name) else TextAttention() for name in network.attn_processors}
    )


def _is_self(name: str) -> bool:
    return name.endswith("attn1.processor")
