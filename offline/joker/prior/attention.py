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


class _Recording:
    """Plain self-attention that keeps what it read."""

    def __init__(self, name: str, kept: HiddenStates) -> None:
        self.name, self.kept = name, kept

    def __call__(self, attention: Attention, hidden_states: Tensor, **given: Any) -> Tensor:
        self.kept[self.name] = hidden_states
        return _plain(attention, hidden_states, **given)


class _Joined:
    """Self-attention that looks at the reference's hidden states too; plain where none are set."""

    def __init__(self, name: str, reference: HiddenStates) -> None:
        self.name, self.reference = name, reference

    def __call__(self, attention: Attention, hidden_states: Tensor, **given: Any) -> Tensor:
        if self.reference:
            given["encoder_hidden_states"] = joined(hidden_states, self.reference[self.name])
        return _plain(attention, hidden_states, **given)


def joined(own: Tensor, reference: Tensor) -> Tensor:
    """[B, n, C] and [B or 1, m, C] → [B, n + m, C]."""
    return torch.cat([own, reference.expand(own.shape[0], -1, -1).to(own.dtype)], 1)


def record(reference: UNet2DConditionModel) -> HiddenStates:
    """Make a network record the hidden states of its self-attentions into the returned mapping at every pass."""
    kept: HiddenStates = {}
    reference.set_attn_processor(
        {name: _Recording(name, kept) if _is_self(name) else AttnProcessor2_0() for name in reference.attn_processors}
    )
    return kept


def join(denoiser: UNet2DConditionModel) -> HiddenStates:
    """Make a network's self-attentions look at what is in the returned mapping."""
    shown: HiddenStates = {}
    denoiser.set_attn_processor(
        {name: _Joined(name, shown) if _is_self(name) else AttnProcessor2_0() for name in denoiser.attn_processors}
    )
    return shown


def _is_self(name: str) -> bool:
    return name.endswith("attn1.processor")
