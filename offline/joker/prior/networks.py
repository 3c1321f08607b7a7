"""The 2D prior's networks as one diffusers pipeline folder (Joker, "2D Diffusion-Based Prior").

denoiser          UNet: noisy latents of the target → the noise, or what the scheduler's prediction type says
reference         a second UNet: the reference picture's clean latents → hidden states that join the denoiser's
driving           ControlNet on the head model's normal map
vae, text_encoder, tokenizer, scheduler    as in Stable Diffusion
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from offline.joker.captures.layout import HEADS, MEAN
from offline.joker.prior.attention import HiddenStates, join_self_attention, record_self_attention
from offline.joker.prior.folder import PARTS, existing_folder
from offline.tensors import as_system_errors
from runtime.errors import BadInput
from runtime.naming import unknown

BASE_PARTS = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel,
              "tokenizer": CLIPTokenizer, "scheduler": DDIMScheduler}  # fmt: skip
"""What of a Stable Diffusion pipeline is used, by subfolder."""

INDEX = "model_index.json"
"""Tells a pipeline folder; written last."""


class JokerPrior(DiffusionPipeline):
    """All parts of the prior; `save_pretrained` writes the folder that `load_networks` reads."""

    denoiser: UNet2DConditionModel
    reference: UNet2DConditionModel
    driving: ControlNetModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler: DDIMScheduler

    def __init__(
        self,
        denoiser: UNet2DConditionModel,
        reference: UNet2DConditionModel,
        driving: ControlNetModel,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        scheduler: DDIMScheduler,
        head: str = MEAN,
    ) -> None:
        """`head`, one of `HEADS`, is whose head the normals show that it learnt from."""
        super().__init__()
        self.register_to_config(head=head)
        self.register_modules(
            denoiser=denoiser, reference=reference, driving=driving, vae=vae, text_encoder=text_encoder,
            tokenizer=tokenizer, scheduler=scheduler,
        )  # fmt: skip
        record_self_attention(reference)
        join_self_attention(denoiser)

    @property
    def head(self) -> str:
        """Whose head its normals show, one of `HEADS`."""
        return str(self.config.head)

    @property
    def size(self) -> int:
        """Width and height of the pictures, pixels."""
        return int(self.denoiser.config.sample_size) * self.shrinkage

    @property
    def shrinkage(self) -> int:
        """Pixels to a latent along one side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def text(self, prompts: Sequence[str]) -> Tensor:
        """[B, tokens, C] of B prompts; longer ones are cut at the encoder's length."""
        length = self.tokenizer.model_max_length
        tokens = self.tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        return self.text_encoder(tokens.input_ids.to(self.text_encoder.device))[0]

    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures [B, 3, P, P], 0..1 → latents [B, c, h, w], scaled: the middle of the encoder's distribution.

        A draw from it has noise that nothing could predict: of a small autoencoder's latents that is the larger part.
        """
        middle = self.vae.encode((pictures * 2 - 1).to(self.vae.dtype)).latent_dist.mode()
        return middle.float() * self.vae.config.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Latents → pictures [B, 3, P, P], clipped to 0..1."""
        pictures = self.vae.decode((latents / self.vae.config.scaling_factor).to(self.vae.dtype)).sample
        return (pictures.float() / 2 + 0.5).clamp(0, 1)

    def reference_states(self, reference: Tensor, steps: Tensor, text: Tensor) -> HiddenStates:
        """The reference network's hidden states for clean latents [B, c, h, w], at time steps [B] and under texts.

        They depend on nothing else, so they are computed once per noise level and shown to every view.
        """
        recorded: HiddenStates = {}
        dtype = self.reference.dtype
        self.reference(reference.to(dtype), steps, text.to(dtype), cross_attention_kwargs={"recorded": recorded})
        return dict(recorded)

    def predict(self, noisy: Tensor, steps: Tensor, text: Tensor, normals: Tensor, states: HiddenStates) -> Tensor:
        """The denoiser's output [B, c, h, w] for noisy latents, normal maps [B, 3, P, P] in 0..1 and the reference's
        hidden states (`reference_states`), of each of the B or one for all."""
        dtype = self.denoiser.dtype
        given = {"encoder_hidden_states": text.to(dtype), "return_dict": False}
        hint = (normals * 2 - 1).to(dtype)
        down, middle = self.driving(noisy.to(dtype), steps, controlnet_cond=hint, **given)
        made = self.denoiser(
            noisy.to(dtype), steps, down_block_additional_residuals=down, mid_block_additional_residual=middle,
            cross_attention_kwargs={"reference": states}, **given,
        )  # fmt: skip
        return made[0].float()

    def checkpoint_gradients(self, on: bool) -> None:
        """Whether the networks that learn keep their blocks' inputs alone and run them again for the gradient: a
        fraction of the memory for a third more time (Chen et al. 2016)."""
        for network in (self.denoiser, self.reference, self.driving):
            (network.enable_gradient_checkpointing if on else network.disable_gradient_checkpointing)()


def pack(source: str | os.PathLike[str], folder: Path) -> None:
    """Write a prior's networks in half precision, without what training keeps beside them. Raises BadInput as
    `load_networks` does, and where `folder` is there already."""
    if folder.exists():
        raise BadInput(f"'{folder}' is there already; name a new folder")
    fresh = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(fresh, ignore_errors=True)
    networks = load_networks(source)
    with as_system_errors():
        networks.save_pretrained(fresh)
        for path in fresh.glob("*/*.safetensors"):
            halves = {name: v.half() if v.is_floating_point() else v for name, v in load_file(path).items()}
            save_file(halves, path, metadata={"format": "pt"})
    for path in fresh.rglob("*.json"):
        values = json.loads(path.read_text())
        if values.pop("_name_or_path", None) is not None:  # a folder of this machine
            path.write_text(json.dumps(values, indent=2))
    os.replace(fresh, folder)


def save_networks(networks: JokerPrior, folder: Path) -> None:
    """Write a prior's pipeline folder; a file is moved into place once it is whole, so a kill leaves no half ones."""
    fresh = folder / ".writing"
    shutil.rmtree(fresh, ignore_errors=True)
    with as_system_errors():
        networks.save_pretrained(fresh)
    for path in sorted((p for p in fresh.rglob("*") if p.is_file()), key=lambda p: p.name == INDEX):
        place = folder / path.relative_to(fresh)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    shutil.rmtree(fresh)


def load_networks(
    source: str | os.PathLike[str], device: torch.device | str = "cpu", trained: bool = False
) -> JokerPrior:
    """A prior from a folder, or one to train from a Stable Diffusion 1.5 folder or hub name, in float32.

    With `trained` it has to be a prior already, from a folder or the hub. `SHIPPED_PRIOR` is the name of the one that
    comes with Mien. Raises BadInput, naming the part, where one is missing or cannot be read.
    """
    folder = existing_folder(source)
    if folder is None:
        return (_read_prior if trained else _from_stable_diffusion)(str(source)).to(device)
    plain = (folder / "unet").is_dir() and not (folder / "denoiser").is_dir()
    if plain and trained:
        raise BadInput(f"'{folder}' is Stable Diffusion, not yet a prior; train one: mien prior train --base {folder}")
    kind = tuple(BASE_PARTS) if plain else PARTS
    missing = [part for part in kind if not (folder / part).is_dir()]
    if missing:
        raise BadInput(f"the prior '{folder}' lacks the folder '{missing[0]}'; it needs {', '.join(kind)}")
    return (_from_stable_diffusion if plain else _read_prior)(str(folder)).to(device)


def _read_prior(source: str) -> JokerPrior:
    classes = {"denoiser": UNet2DConditionModel, "reference": UNet2DConditionModel, "driving": ControlNetModel}
    classes |= {name: BASE_PARTS[name] for name in PARTS if name not in classes}
    return JokerPrior(**_read_parts(classes, source), head=_head(source))


def _head(source: str) -> str:
    """Whose head a prior's normals show; one that does not say was trained on mean heads."""
    try:
        head = JokerPrior.load_config(source).get("head", MEAN)
    except OSError:  # without a list of its parts, which are looked for one by one
        return MEAN
    if head not in HEADS:
        raise BadInput(f"the prior '{source}': {unknown('head', str(head), HEADS)}")
    return str(head)


def _from_stable_diffusion(source: str) -> JokerPrior:
    """Both UNets and the ControlNet begin as the Stable Diffusion UNet (Joker: "initialized from pretrained")."""
    parts = _read_parts(BASE_PARTS, source)
    unet = parts.pop("unet")
    reference = UNet2DConditionModel.from_config(unet.config)
    reference.load_state_dict(unet.state_dict())
    return JokerPrior(unet, reference, ControlNetModel.from_unet(unet), **parts)


def _read_parts(classes: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Every part by its name, and whether tokenizer and text encoder are of one kind."""
    parts = {name: _part(kind, source, name) for name, kind in classes.items()}
    words, known = len(parts["tokenizer"]), parts["text_encoder"].config.vocab_size
    if words != known:
        raise BadInput(f"the part 'tokenizer' of the prior '{source}' has {words} words, its text encoder {known}")
    return parts


def _part(kind: Any, source: str, name: str) -> Any:
    try:
        if kind is CLIPTokenizer:
            return kind.from_pretrained(source, subfolder=name)
        if kind is DDIMScheduler:
            return _scheduler(source, name)
        precision = {"dtype" if kind is CLIPTextModel else "torch_dtype": torch.float32}
        made, about = kind.from_pretrained(
            source, subfolder=name, use_safetensors=True, output_loading_info=True, **precision
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"the part '{name}' of the prior '{source}' cannot be read ({reason})") from error
    if about["missing_keys"]:
        lacking = sorted(about["missing_keys"])[0]
        raise BadInput(f"the part '{name}' of the prior '{source}' lacks weights, '{lacking}' among them")
    return made


def _scheduler(source: str, name: str) -> DDIMScheduler:
    config = DDIMScheduler.load_config(source, subfolder=name)
    for key in ("beta_start", "beta_end", "beta_schedule"):
        if key not in config:
            raise ValueError(f"its configuration lacks '{key}'")
    return DDIMScheduler.from_config(config)
