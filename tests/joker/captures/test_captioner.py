"""Captions from a BLIP-2, here one of random weights that is small enough for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessorPil,
    PreTrainedTokenizerFast,
)

from offline.joker.captures.convert.captioner import TOKENS, Captioner
from offline.joker.captures.convert.celebv import clips
from offline.joker.captures.convert.people import Settings, convert
from offline.joker.captures.layout import read
from runtime.errors import BadInput
from tests.track.films import person, write_video

WORDS = ("<pad>", "</s>", "<image>", "A", "Man", "smiles", "tongue", "out")
SAID = {"a", "man", "smiles", "tongue", "out"}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny_blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)  # one of those whose first word is not the end
    inner = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Blip2Config(
        vision_config={**inner, "image_size": 28, "patch_size": 14},
        qformer_config={**inner, "encoder_hidden_size": 16, "vocab_size": len(WORDS)},
        text_config={
            "model_type": "opt", "hidden_size": 16, "ffn_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "vocab_size": len(WORDS), "word_embed_proj_dim": 16, "pad_token_id": 0, "bos_token_id": 1,
            "eos_token_id": 1, "max_position_embeddings": 128, "tie_word_embeddings": False,
        },
        num_query_tokens=3,
        image_token_index=2,
        tie_word_embeddings=False,  # tied ones of random weights say the last word again
    )  # fmt: skip
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", bos_token="</s>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    folder = tmp_path_factory.mktemp("blip")
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    processor = Blip2Processor(BlipImageProcessorPil(size={"height": 28, "width": 28}), tokenizer, num_query_tokens=3)
    processor.save_pretrained(folder)
    return folder


def test_a_picture_gets_a_tidy_sentence_of_known_words(tiny_blip: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    say = Captioner(str(tiny_blip), CPU)
    said = say(picture)
    assert said == say(picture)
    assert 2 < len(said.split()) <= TOKENS and set(said.split()) <= SAID


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="caption-model"):
        Captioner(str(tmp_path), CPU)


@pytest.mark.slow
def test_the_model_says_the_captions_of_a_clip(tiny_blip: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_video(source / "turning_man_0.mp4", person("subjects/turning-16s.mp4", 30, 60, 256))
    (source / "turning_man_0.txt").write_text("the file beside it")
    settings = Settings(size=64, pictures=2, looked=2, caption_model=str(tiny_blip), device="cpu")
    convert(clips(source), tmp_path / "out", "celebv", settings, workers=1)
    (someone,) = read(tmp_path / "out").people
    for frame in someone.frames:
        assert 2 < len(frame.caption.split()) <= TOKENS and set(frame.caption.split()) <= SAID
