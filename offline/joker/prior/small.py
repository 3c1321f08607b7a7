"""A small prior for the studio's world: the same classes as Stable Diffusion's, fewer and narrower layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from offline.joker.prior.networks import JokerPrior
from offline.joker.world.looks import words

TOKENS = 24
"""Length of a caption, begin and end included."""
WIDTHS = (48, 96, 128)
TEXT_WIDTH = 96
LATENTS = 8
"""Channels of the latents, for four times four pixels each; four of them held shapes but not all colours."""
QUIET = -4.0
"""Logarithm of the variance that latents begin with; with much noise at first, channels stay unused."""


def small_prior(size: int = 64, widths: Sequence[int] = WIDTHS, seed: int = 0) -> JokerPrior:
    """An untrained prior for pictures of `size` pixels, a quarter of that in latents.

    Attention begins at half the latents' size: at the full size it would take as long as all the rest together.
    """
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(words())
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=TEXT_WIDTH, intermediate_size=4 * TEXT_WIDTH, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    attending = len(widths) - 1
    unet = {
        "sample_size": size // 4, "in_channels": LATENTS, "out_channels": LATENTS, "layers_per_block": 1,
        "block_out_channels": tuple(widths), "norm_num_groups": 16,
        "cross_attention_dim": TEXT_WIDTH, "attention_head_dim": 4,
        "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * attending,
        "up_block_types": ("CrossAttnUpBlock2D",) * attending + ("UpBlock2D",),
    }  # fmt: skip
    denoiser, reference = (UNet2DConditionModel(**unet) for _ in range(2))
    reference.load_state_dict(denoiser.state_dict())
    driving = ControlNetModel.from_unet(denoiser, conditioning_embedding_out_channels=(8, 16, 32))
    for layer in controlnet_ends(driving):
        layer.reset_parameters()
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 64), layers_per_block=1, latent_channels=LATENTS, norm_num_groups=4,
        sample_size=size,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    nn.init.constant_(vae.quant_conv.bias[vae.config.latent_channels :], QUIET)
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, set_alpha_to_one=True, rescale_betas_zero_snr=True, timestep_spacing="trailing",
    )  # fmt: skip
    return JokerPrior(denoiser, reference, driving, vae, CLIPTextModel(text), tokenizer, scheduler)


def controlnet_ends(driving: ControlNetModel) -> list[nn.Conv2d]:
    """The layers that a ControlNet begins with at zero, so as not to disturb a trained denoiser. One that learns
    together with its denoiser has nothing to disturb, and learns sooner from random ones."""
    return [*driving.controlnet_down_blocks, driving.controlnet_mid_block, driving.controlnet_cond_embedding.conv_out]


def word_tokenizer(known: Sequence[str]) -> CLIPTokenizer:
    """CLIP's byte-pair tokenizer with a vocabulary of single letters and of the `known` words."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789',.-"
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    ranks: dict[tuple[str, str], int] = {}
    for word in known:
        parts = _merged([*word[:-1], f"{word[-1]}</w>"], ranks)
        while len(parts) > 1:  # what earlier words' merges leave of it, from the left
            ranks[parts[0], parts[1]] = len(ranks)
            parts = [parts[0] + parts[1], *parts[2:]]
            pieces.append(parts[0])
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: n for n, piece in enumerate(dict.fromkeys(pieces))}
    return CLIPTokenizer(vocab=vocabulary, merges=list(ranks), model_max_length=TOKENS)


def _merged(parts: list[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """Byte-pair encoding: the pair of the lowest rank is merged first (Sennrich et al. 2016)."""
    while pairs := [pair for pair in pairwise(parts) if pair in ranks]:
        first = min(pairs, key=ranks.__getitem__)
        at = next(i for i, pair in enumerate(pairwise(parts)) if pair == first)
        parts = [*parts[:at], "".join(first), *parts[at + 2 :]]
    return parts
