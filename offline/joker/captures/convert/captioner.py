"""Sentences for pictures from BLIP-2, with which Joker's authors captioned theirs."""

from __future__ import annotations

from functools import cache

import torch
from transformers import Blip2ForConditionalGeneration, Blip2Processor

from offline.joker.captures.convert.captions import ANYONE, tidy
from offline.joker.captures.layout import Picture
from runtime.errors import BadInput

TOKENS = 50
"""Longest caption (Joker's released code)."""


class Captioner:
    """Says what a picture shows."""

    def __init__(self, name: str, device: torch.device) -> None:
        """`name` is a folder or a name on the Hugging Face hub. Raises BadInput where it holds no BLIP-2."""
        half = torch.float16 if device.type == "cuda" else torch.float32
        try:
            self._processor = Blip2Processor.from_pretrained(name)
            self._model = Blip2ForConditionalGeneration.from_pretrained(name, dtype=half).to(device).eval()
        except (OSError, ValueError) as error:
            raise BadInput(
                f"--caption-model '{name}' holds no BLIP-2 ({error}); give a folder or a hub name"
            ) from error

    @torch.inference_mode()
    def __call__(self, rgb: Picture) -> str:
        """The most likely sentence for a picture [H, W, 3], tidied."""
        inputs = self._processor(images=rgb, return_tensors="pt").to(self._model.device, self._model.dtype)
        captions = self._model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
        return tidy(self._processor.batch_decode(captions, skip_special_tokens=True)[0]) or ANYONE


@cache
def captioner(name: str, device: torch.device) -> Captioner:
    """The one of this process."""
    return Captioner(name, device)
