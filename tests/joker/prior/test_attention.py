"""The attention join against values worked by hand and against diffusers' own attention."""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from offline.joker.prior.attention import JoinedAttention, RecordingAttention, joined


def _identity_attention(width: int) -> Attention:
    """One head whose projections are the identity."""
    attention = Attention(query_dim=width, heads=1, dim_head=width, bias=False)
    with torch.no_grad():
        for layer in (attention.to_q, attention.to_k, attention.to_v, attention.to_out[0]):
            layer.weight.copy_(torch.eye(width))
        attention.to_out[0].bias.zero_()
    return attention


def test_one_token_looks_at_itself_and_at_the_reference_by_hand() -> None:
    # q = k_own = (1, 0), k_ref = (0, 1): scores 1/√2 and 0, so softmax weighs e^0.7071 : 1 = 0.66976 : 0.33024.
    attention = _identity_attention(2)
    own, reference = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    made = JoinedAttention("a")(attention, own, {"a": reference})
    torch.testing.assert_close(made, torch.tensor([[[0.66976, 0.33024]]]), atol=1e-5, rtol=0)


def test_without_a_reference_it_is_plain_attention() -> None:
    torch.manual_seed(0)
    attention, own = Attention(query_dim=8, heads=2, dim_head=4), torch.randn(3, 5, 8)
    assert torch.equal(JoinedAttention("a")(attention, own), AttnProcessor2_0()(attention, own))


def test_the_join_uses_the_denoisers_own_projections() -> None:
    # K, V = W · [h ; h_ref]: attention over both as diffusers computes it for a context of both.
    torch.manual_seed(0)
    attention, own, reference = Attention(query_dim=8, heads=2, dim_head=4), torch.randn(3, 5, 8), torch.randn(3, 4, 8)
    made = JoinedAttention("a")(attention, own, {"a": reference})
    keys, values = (layer(torch.cat([own, reference], 1)) for layer in (attention.to_k, attention.to_v))
    q, k, v = (t.unflatten(2, (2, 4)).transpose(1, 2) for t in (attention.to_q(own), keys, values))
    weights = ((q @ k.transpose(2, 3)) / 2.0).softmax(-1)  # √4
    by_hand = attention.to_out[0]((weights @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(made, by_hand, atol=1e-6, rtol=1e-5)


def test_one_reference_is_shown_to_every_view() -> None:
    own, reference = torch.zeros(3, 2, 4), torch.ones(1, 5, 4)
    both = joined(own, reference)
    assert both.shape == (3, 7, 4)
    assert bool((both[:, 2:] == 1).all())


def test_recording_keeps_what_self_attention_reads() -> None:
    torch.manual_seed(0)
    attention, own = Attention(query_dim=8, heads=2, dim_head=4), torch.randn(1, 5, 8)
    kept: dict[str, torch.Tensor] = {}
    made = RecordingAttention("a")(attention, own, kept)
    assert torch.equal(kept["a"], own)
    assert torch.equal(made, AttnProcessor2_0()(attention, own))
