"""The whole evaluation on a run too small to be good."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.clip import Clip
from offline.evaluate.definitions import METRICS
from offline.evaluate.evaluate import evaluate
from offline.evaluate.held_out import chosen
from offline.evaluate.page import write_page
from offline.evaluate.reenact import SHOWN
from offline.evaluate.report import training_log
from offline.evaluate.views import VIEWS
from offline.metrics import flip, ssim
from offline.pages.html import number
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.preview import on_white, predict
from runtime.errors import BadInput
from runtime.media.reading import VideoReader
from tests.tri2plane.tiny import tiny_clip, tiny_run


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("eval") / "clip", frames=20)


@pytest.fixture(scope="module")
def trained(clip: Clip) -> Run:
    return tiny_run(clip.folder.parent / "run", clip)


@pytest.fixture(scope="module")
def report(trained: Run, clip: Clip) -> dict[str, Any]:
    trained.folder.mkdir(exist_ok=True)
    (trained.folder / "log.jsonl").write_text('{"step": 1, "seconds": 6, "sr": 0.5}\n{"step": 2, "seconds": 12, "s')
    write_page(evaluate(trained, clip, trained.folder / "eval", driving=clip))
    return dict(json.loads((trained.folder / "eval/report.json").read_text()))


def test_the_report_has_every_figure_and_says_why_one_is_absent(report: dict[str, Any]) -> None:
    assert report["frames"] == 4 and len(report["per_frame"]["psnr"]) == 4
    assert report["psnr"] == pytest.approx(np.mean(report["per_frame"]["psnr"]), abs=1e-5)
    assert report["psnr_5th"] == pytest.approx(np.percentile(report["per_frame"]["psnr"], 5), abs=1e-5)
    assert report["lpips"] is None and "--lpips FOLDER" in report["absent"]["lpips"]
    assert report["f_lmd_px"] is None and report["faces_lost"] == report["faces"]  # untrained
    assert report["machine"]["cores"] and report["versions"]["torch"] and report["preset"]["name"] == "tiny"
    assert report["training"] == {"step": [1.0], "sr": [0.5], "minutes": [0.1]}


def test_the_figures_are_those_of_the_runs_pictures_of_the_held_out_frames(
    report: dict[str, Any], trained: Run, clip: Clip
) -> None:
    batch = load_batch(clip, np.array(clip.test))
    made, truth = (
        on_white(p).clamp(0, 1).permute(0, 2, 3, 1).numpy() for p in (predict(trained, batch), batch.picture)
    )
    by_hand = -10 * np.log10(((made - truth) ** 2).mean((1, 2, 3)))
    assert report["per_frame"]["psnr"] == pytest.approx(by_hand, abs=0.05)  # pictures of 8 bits
    for name, metric in (("ssim", ssim), ("flip", lambda a, b: flip(a, b)[0])):
        expected = np.mean([metric(a, b) for a, b in zip(made, truth, strict=True)])
        assert report[name] == pytest.approx(expected, abs=0.005), name


def test_the_training_log_is_thinned_and_a_loss_may_come_late(tmp_path: Path) -> None:
    rows = [
        {"step": i + 1, "seconds": 6.0 * (i + 1), "sr": float(i)} | ({"lpips": 2.0} if i > 4 else {}) for i in range(8)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = training_log(tmp_path, points=4)
    assert table["sr"] == [0.5, 2.5, 4.5, 6.5] and table["minutes"] == pytest.approx([0.15, 0.35, 0.55, 0.75])
    assert np.isnan(table["lpips"][:2]).all() and table["lpips"][2:] == [2.0, 2.0]
    assert training_log(tmp_path / "nowhere") == {}


def test_a_still_drive_state_does_not_flicker_at_all(report: dict[str, Any]) -> None:
    assert report["still_flicker"] == 0.0


def test_the_page_holds_everything_and_needs_nothing_else(report: dict[str, Any], trained: Run) -> None:
    page = (trained.folder / "eval/index.html").read_text()
    for metric in METRICS:
        assert escape(metric.label) in page and escape(metric.definition) in page
    assert "--lpips FOLDER" in page and number(report["psnr"], 2) in page
    shown = min(SHOWN, report["frames"])
    assert page.count("data:image/jpeg;base64,") == 3 + shown + len(VIEWS)  # samples, cross-reenactment, views
    assert 'src="data:video/mp4;base64,' in page and page.count("<svg") >= 5
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,", page)
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)[^"'> ]""", text)
    assert "://" not in text and "<script" not in text


def test_what_comes_from_files_is_escaped(trained: Run, tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip<i>")
    hostile = Clip(clip.folder, replace(clip.info, subject="<script>alert(1)</script>", consent='"><img src=x>'),
                   vars(clip))  # fmt: skip
    page = write_page(evaluate(trained, hostile, tmp_path / "eval", count=2)).read_text()
    assert "<script" not in page and "<img src=x" not in page and "<i>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_choice_of_frames_is_pairs_of_neighbours_spread_over_the_held_out_part(tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip", frames=100)
    assert chosen(clip, 6) == [80, 81, 89, 90, 98, 99]
    assert chosen(clip, 1) == [80] and chosen(clip, None) == chosen(clip, 50) == list(range(80, 100))
    assert len(chosen(clip, 19)) == 19


def test_a_video_that_skips_frames_is_slowed_and_says_so(trained: Run, tmp_path: Path) -> None:
    longer = tiny_clip(tmp_path / "clip", frames=40)
    assert chosen(longer, 4) == [32, 33, 38, 39]
    page = write_page(evaluate(trained, longer, tmp_path / "eval", count=4)).read_text()
    with VideoReader(tmp_path / "eval/held-out.mp4") as video:
        assert video.fps == 12.5 and video.frames == 4
    assert "Frames were skipped" in page and "half the clip's frame rate" in unescape(page)


def test_a_video_of_every_held_out_frame_keeps_the_clips_rate(report: dict[str, Any], trained: Run) -> None:
    with VideoReader(trained.folder / "eval/held-out.mp4") as video:
        assert video.fps == report["clip"]["fps"] and video.frames == report["frames"]
    assert "were skipped" not in (trained.folder / "eval/index.html").read_text()


def test_a_clip_of_another_size_is_refused(trained: Run, clip: Clip, tmp_path: Path) -> None:
    larger = Clip(clip.folder, replace(clip.info, size=128), vars(clip))
    with pytest.raises(BadInput, match="128², the run renders 64²"):
        evaluate(trained, larger, tmp_path)


def test_a_driving_clip_without_a_face_is_refused(trained: Run, clip: Clip, tmp_path: Path) -> None:
    empty = tiny_clip(tmp_path / "empty")
    for i in range(len(empty)):
        empty.write_frame(i, np.zeros((64, 64, 4), np.uint8))
    with pytest.raises(BadInput, match="no face was found"):
        evaluate(trained, clip, tmp_path / "eval", count=2, driving=empty)
