"""How exactly and how fast videos are tracked: ``python -m offline.track.measure VIDEO...`` prints a Markdown table."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from offline.track.video import track_video


def row(video: Path, size: int) -> str:
    """Tracks a video into a folder that is thrown away and gives its line of the table."""
    with tempfile.TemporaryDirectory(prefix="mien-track-") as folder:
        clip = track_video(video, Path(folder) / "clip", size)
        report = json.loads((clip.folder / "report/report.json").read_text())
    frames, error, speed = report["frames"], report["reprojection_px_at_512"], report["speed"]
    dropped = ", ".join(f"{each['frames']} {name}" for name, each in frames["dropped"].items()) or "none"
    return (
        f"| {video.stem} | {frames['kept']} of {frames['read']} | {dropped} | {len(report['segments_start_s'])} "
        f"| {error['mean']:.2f} | {error['p95']:.2f} | {speed['frames_per_s']:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="width and height of the clips' frames (default 512)")
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    options = parser.parse_args(arguments)
    print("| video | frames used | dropped | pieces | mean error, px at 512² | 95th percentile | frames/s |")
    print("|---|---|---|---|---|---|---|")
    for video in options.videos:
        print(row(video, options.size), flush=True)


if __name__ == "__main__":
    main()
