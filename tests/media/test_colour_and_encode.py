"""RGBA to I420 over a colour, and the encoder's keyframes and bitrate."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from runtime.errors import BadInput
from runtime.media import encode
from runtime.media.colour import Backdrop, camera_rgb
from runtime.media.encode import VideoEncoder


def decoded(i420: np.ndarray) -> np.ndarray:
    """I420 to RGB by another road than the one under test."""
    return av.VideoFrame.from_ndarray(i420, format="yuv420p").to_ndarray(format="rgb24")


@pytest.mark.parametrize("colour", ["#f4f2ee", "#ffffff", "#204080", "#000000"])
@pytest.mark.parametrize("alpha", [0, 100, 255])
def test_pictures_are_laid_over_the_colour(colour: str, alpha: int) -> None:
    head = np.array([200, 120, 40])
    behind = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    rgba = np.empty((16, 16, 4), np.uint8)
    rgba[..., :3] = np.round(head * alpha / 255)
    rgba[..., 3] = alpha
    expected = np.round(head * alpha / 255) + (255 - alpha) / 255 * behind
    backdrop = Backdrop(colour, marked=False)
    assert np.abs(decoded(backdrop.i420(rgba))[8, 8] - expected).max() <= 4
    assert np.abs(backdrop.bgr(rgba)[8, 8, ::-1] - expected).max() <= 2


@pytest.mark.parametrize("edge", [7, 8])
def test_an_outline_keeps_the_colours_on_both_sides(edge: int) -> None:
    """A silhouette from an odd and an even column on, over a key green: what OpenCV makes of the finished picture."""
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:, edge:, 3] = 255
    composite = np.zeros((16, 16, 3), np.uint8)
    composite[:, :edge] = 0x00, 0xB1, 0x40
    i420 = Backdrop("#00b140", marked=False).i420(rgba)
    assert np.abs(i420.astype(int) - cv2.cvtColor(composite, cv2.COLOR_RGB2YUV_I420)).max() <= 1
    assert np.abs(decoded(i420)[8, 6].astype(int) - [0, 176, 64]).max() <= 2


def test_a_colour_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="#f4f4f2"):
        Backdrop("white")


def test_camera_frames_become_rgb() -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    for pixel_format in ("yuv420p", "yuvj420p", "rgb24"):
        frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format=pixel_format)
        assert np.abs(camera_rgb(frame)[24, 32].astype(int) - [200, 0, 0]).max() <= 22, pixel_format


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    still = rng.integers(40, 200, (96, 64), dtype=np.uint8)
    return [np.roll(still, i, 1) for i in range(count)]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_the_first_and_the_requested_frames_are_keyframes(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "KEYFRAME_SPACING", 0.0)
    encoder = VideoEncoder(codec, 64, 64, 30.0, 500_000)
    keys = []
    for i, picture in enumerate(pictures(8)):
        if i == 5:
            encoder.request_keyframe()
        packet = encoder.encode(picture, 3000 * i)
        assert packet is not None and packet.pts == 3000 * i
        keys.append(packet.is_keyframe)
    assert keys == [True, False, False, False, False, True, False, False]


def test_many_requests_at_once_make_one_keyframe() -> None:
    encoder = VideoEncoder("VP8", 64, 64, 30.0, 500_000)
    for i, picture in enumerate(pictures(8)):
        encoder.request_keyframe()
        encoder.encode(picture, 3000 * i)
    assert encoder.keyframes == 1


def test_a_small_change_of_bitrate_keeps_the_encoder() -> None:
    encoder = VideoEncoder("VP8", 64, 64, 30.0, 1_000_000)
    for i, picture in enumerate(pictures(10)):
        encoder.aim(1_000_000 - 20_000 * i)
        encoder.encode(picture, 3000 * i)
    assert encoder.keyframes == 1 and encoder.bitrate == 1_000_000


def test_a_fall_of_bitrate_is_followed_at_once_and_never_passes_the_ceiling() -> None:
    encoder = VideoEncoder("VP8", 64, 64, 30.0, 1_000_000)
    first, second, *_ = pictures(4)
    encoder.aim(9_000_000)
    encoder.encode(first, 0)
    assert encoder.bitrate == 1_000_000
    encoder.aim(300_000)
    packet = encoder.encode(second, 3000)
    assert encoder.bitrate == 300_000 and packet is not None and packet.is_keyframe


def test_h264_is_constrained_baseline() -> None:
    packet = VideoEncoder("H264", 64, 64, 30.0, 500_000).encode(pictures(1)[0], 0)
    assert packet is not None
    data = bytes(packet)
    sps = data.index(b"\x00\x00\x01\x67") + 4
    assert data[sps] == 66 and data[sps + 1] & 0x40, "profile_idc 66 with constraint_set1"


def test_h264_says_how_its_colours_are_coded() -> None:
    """ITU-T H.273: sRGB (1, 13) by BT.601's matrix (5 and 6 are the same) in studio range (1)."""
    packet = VideoEncoder("H264", 64, 64, 30.0, 500_000).encode(pictures(1)[0], 0)
    decoder = av.CodecContext.create("h264", "r")
    assert packet is not None and isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    [frame] = [*decoder.decode(av.Packet(bytes(packet))), *decoder.decode(None)]
    assert (frame.color_primaries, frame.color_trc, frame.color_range) == (1, 13, 1) and frame.colorspace in (5, 6)
