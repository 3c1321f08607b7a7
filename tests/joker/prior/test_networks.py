"""The prior's networks: what reaches the denoiser, saving and loading, missing parts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from offline.joker.prior.bound import load_prior
from offline.joker.prior.folder import PARTS, SHIPPED_PRIOR, prior_folder, prior_size
from offline.joker.prior.networks import JokerPrior, load_networks, pack
from offline.joker.prior.small import TOKENS, small_prior, word_tokenizer
from offline.joker.world.looks import words
from runtime.errors import BadInput


def _inputs(prior: JokerPrior, count: int = 2) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    pictures, steps = torch.rand(count, 3, 32, 32), torch.full((count,), 500)
    return prior.encode(pictures), steps, prior.text(["a face"] * count), pictures


def test_every_self_attention_of_the_denoiser_sees_the_reference(tiny_prior: JokerPrior) -> None:
    latents, steps, text, _ = _inputs(tiny_prior)
    with torch.no_grad():
        seen = tiny_prior.reference_states(latents, steps, text)
    wanted = {name for name in tiny_prior.denoiser.attn_processors if "attn1" in name}
    assert set(seen) == wanted
    assert {name.split("_")[0] for name in seen} == {"down", "mid", "up"}


def test_the_picture_depends_on_reference_normals_and_text(tiny_prior: JokerPrior) -> None:
    latents, steps, text, normals = _inputs(tiny_prior)
    with torch.no_grad():
        seen = tiny_prior.reference_states(latents, steps, text)
        plain = tiny_prior.predict(latents, steps, text, normals, seen)
        other_look = tiny_prior.reference_states(latents.flip(0), steps, text)
        changed = {
            "reference": tiny_prior.predict(latents, steps, text, normals, other_look),
            "normals": tiny_prior.predict(latents, steps, text, normals.flip(0), seen),
            "text": tiny_prior.predict(latents, steps, tiny_prior.text(["tongue out"] * 2), normals, seen),
        }
    for name, made in changed.items():
        assert float((made - plain).abs().max()) > 1e-4, name


def test_the_driving_network_sees_normals_from_minus_one_to_one(tiny_prior: JokerPrior) -> None:
    latents, steps, text, _ = _inputs(tiny_prior)
    hints: list[torch.Tensor] = []
    hook = tiny_prior.driving.controlnet_cond_embedding.conv_in.register_forward_pre_hook(
        lambda _, given: hints.append(given[0])
    )
    normals = torch.tensor([0.0, 0.5, 1.0])[None, :, None, None].expand(2, 3, 32, 32)
    try:
        with torch.no_grad():
            tiny_prior.predict(latents, steps, text, normals, tiny_prior.reference_states(latents, steps, text))
    finally:
        hook.remove()
    assert hints[0][0, :, 0, 0].tolist() == [-1.0, 0.0, 1.0]


def test_nothing_of_one_picture_is_left_for_the_next(tiny_prior: JokerPrior) -> None:
    latents, steps, text, normals = _inputs(tiny_prior)
    with torch.no_grad():
        seen = tiny_prior.reference_states(latents, steps, text)
        with_reference = tiny_prior.predict(latents, steps, text, normals, seen)
        without = tiny_prior.predict(latents, steps, text, normals, {})
    assert not torch.equal(with_reference, without)


def test_a_saved_prior_says_the_same(tiny_prior: JokerPrior, tmp_path: Path) -> None:
    tiny_prior.save_pretrained(tmp_path)
    loaded = load_networks(tmp_path)
    latents, steps, text, normals = _inputs(tiny_prior)
    with torch.no_grad():
        made = [
            p.predict(latents, steps, text, normals, p.reference_states(latents, steps, text))
            for p in (tiny_prior, loaded)
        ]
    # The same weights; threads add in another order.
    torch.testing.assert_close(*made, atol=1e-5, rtol=1e-4)
    assert torch.equal(loaded.text(["a face"]), tiny_prior.text(["a face"]))


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named(tiny_prior_folder: Path, tmp_path: Path, part: str) -> None:
    folder = tmp_path / "prior"
    shutil.copytree(tiny_prior_folder, folder)
    shutil.rmtree(folder / part)
    with pytest.raises(BadInput, match=part):
        load_networks(folder)


WEIGHED = ("denoiser", "reference", "driving", "vae", "text_encoder")


@pytest.mark.parametrize("part", WEIGHED)
def test_weights_that_are_cut_are_named(part: str, tiny_prior_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prior"
    shutil.copytree(tiny_prior_folder, folder)
    (weights,) = (folder / part).glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(BadInput, match=f"'{part}'"):
        load_networks(folder)


@pytest.mark.parametrize("part", WEIGHED)
def test_a_weight_that_is_missing_is_named(part: str, tiny_prior_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prior"
    shutil.copytree(tiny_prior_folder, folder)
    (weights,) = (folder / part).glob("*.safetensors")
    tensors = load_file(weights)
    lacking = sorted(tensors)[-1]
    tensors.pop(lacking)
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(BadInput, match=f"'{part}'.*lacks weights.*{lacking.split('.')[-1]}"):
        load_networks(folder)


@pytest.mark.parametrize(("part", "names"), [("tokenizer", "words"), ("scheduler", "beta_start")])
def test_a_part_that_is_empty_is_named(part: str, names: str, tiny_prior_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prior"
    shutil.copytree(tiny_prior_folder, folder)
    for path in (folder / part).iterdir():
        path.write_text("{}") if part == "scheduler" else path.unlink()
    with pytest.raises(BadInput, match=f"'{part}'.*{names}"):
        load_networks(folder)


def test_a_folder_that_is_not_there_is_not_sought_on_the_hub() -> None:
    for name in ("./prior", "some/where/prior", "/prior", "~/prior"):
        with pytest.raises(BadInput, match="there is no prior"):
            load_networks(name)


def test_pickled_weights_are_not_read(tiny_prior_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prior"
    shutil.copytree(tiny_prior_folder, folder)
    (weights,) = (folder / "denoiser").glob("*.safetensors")
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(BadInput, match="'denoiser'"):
        load_networks(folder)


def test_a_stable_diffusion_folder_begins_a_prior(tiny_prior: JokerPrior, tmp_path: Path) -> None:
    for part, name in (("denoiser", "unet"), ("vae", "vae"), ("text_encoder", "text_encoder"),
                       ("tokenizer", "tokenizer"), ("scheduler", "scheduler")):  # fmt: skip
        getattr(tiny_prior, part).save_pretrained(tmp_path / name)
    prior = load_networks(tmp_path)
    one, two = (dict(net.named_parameters()) for net in (prior.denoiser, prior.reference))
    assert all(torch.equal(one[name], two[name]) for name in one)
    driving = dict(prior.driving.named_parameters())
    assert torch.equal(driving["conv_in.weight"], one["conv_in.weight"])
    with pytest.raises(BadInput, match="not yet a prior; train one"):
        load_prior(tmp_path)
    shutil.rmtree(tmp_path / "text_encoder")
    with pytest.raises(BadInput, match="text_encoder"):
        load_networks(tmp_path)


def test_every_word_of_the_world_is_one_token_and_others_are_spelt() -> None:
    tokenizer = word_tokenizer(words())
    assert all(len(tokenizer.tokenize(word)) == 1 for word in words())
    assert "".join(tokenizer.tokenize("xylophone")).replace("</w>", "") == "xylophone"
    assert len(tokenizer(["tongue " * 99], truncation=True).input_ids[0]) == TOKENS


def test_the_folder_is_a_diffusers_pipeline(tiny_prior_folder: Path) -> None:
    index = json.loads((tiny_prior_folder / "model_index.json").read_text())
    assert index["denoiser"] == ["diffusers", "UNet2DConditionModel"]
    again = JokerPrior.from_pretrained(tiny_prior_folder)
    assert again.size == small_prior(size=32, widths=(16, 32)).size == 32


def test_a_packed_prior_is_half_as_large_and_says_the_same(tiny_prior_folder: Path, tmp_path: Path) -> None:
    pack(tiny_prior_folder, tmp_path / "packed")
    before, after = load_networks(tiny_prior_folder), load_networks(tmp_path / "packed")
    assert after.denoiser.dtype == after.text_encoder.dtype == torch.float32
    for name in ("denoiser", "reference", "driving", "vae", "text_encoder"):
        for a, b in zip(getattr(before, name).parameters(), getattr(after, name).parameters(), strict=True):
            torch.testing.assert_close(a.half().float(), b, rtol=0, atol=0)
    sizes = [(f / "denoiser" / "diffusion_pytorch_model.safetensors").stat().st_size
             for f in (tiny_prior_folder, tmp_path / "packed")]  # fmt: skip
    assert sizes[1] < 0.6 * sizes[0]
    assert not [p for p in (tmp_path / "packed").rglob("*.json") if str(tiny_prior_folder) in p.read_text()]
    with pytest.raises(BadInput, match="there already"):
        pack(tiny_prior_folder, tmp_path / "packed")


def test_latents_are_the_middle_of_what_the_encoder_says(tiny_prior: JokerPrior) -> None:
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        spread = tiny_prior.vae.encode(pictures * 2 - 1).latent_dist
        torch.testing.assert_close(tiny_prior.encode(pictures), spread.mean * tiny_prior.vae.config.scaling_factor)


def test_the_size_of_a_priors_pictures_is_told_by_its_configuration(tmp_path: Path) -> None:
    assert prior_size(SHIPPED_PRIOR) == 64
    for part, values in (("denoiser", {"sample_size": 64}), ("vae", {"block_out_channels": [128, 256, 512, 512]})):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(values))
    assert prior_size(tmp_path) == 512  # Stable Diffusion 1.5's


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "cannot be read"),
        ("[1]", "is not a mapping"),
        ("[" * 100_000, "cannot be read"),
        ("{}", "does not say how large"),
        ('{"sample_size": 1e9}', "does not say how large"),
    ],
)
def test_a_priors_damaged_configuration_is_refused(tmp_path: Path, written: str, says: str) -> None:
    for part in ("denoiser", "vae"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(written)
    with pytest.raises(BadInput, match=says):
        prior_size(tmp_path)


def test_a_prior_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no prior"):
        prior_size(tmp_path / "nowhere")


def test_the_prior_that_ships_says_that_it_knows_the_mean_head(tmp_path: Path) -> None:
    assert json.loads((prior_folder(SHIPPED_PRIOR) / "model_index.json").read_text())["head"] == "mean"
    small = small_prior(size=32, widths=(16, 32))
    small.register_to_config(head="fitted")
    small.save_pretrained(tmp_path)
    assert load_networks(tmp_path).head == "fitted"
    index = json.loads((tmp_path / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps(index | {"head": "my own"}))
    with pytest.raises(BadInput, match="unknown head 'my own'"):
        load_networks(tmp_path)
