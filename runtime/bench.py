"""How long each stage of the live path takes, and how many frames a second the whole of it makes.

The camera is a 640×480 VP8 stream, as a browser sends it: frames of a video, or the avatar's own rendering of an idle
head where none is given.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from runtime.avatar import Avatar
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState
from runtime.driving.performance import Performance, live_performance
from runtime.engines.chain import Chain
from runtime.machine import machine, peak_memory_mb, versions
from runtime.streaming.colour import Backdrop, camera_rgb
from runtime.streaming.encode import VideoEncoder
from runtime.tracking.tracker import FaceTracker
from runtime.video_file import VideoReader

T = TypeVar("T")
WIDTH, HEIGHT, FPS, BITRATE = 640, 480, 30.0, 1_500_000
CAMERA_FRAMES = 240
STAGE_FRAMES = 120
WARM_UP = 15


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, stage: str, action: Callable[[], T]) -> T:
        begun = time.perf_counter()
        result = action()
        self.add(stage, time.perf_counter() - begun)
        return result

    def add(self, stage: str, seconds: float) -> None:
        self.seconds.setdefault(stage, []).append(seconds)

    def table(self) -> dict[str, dict[str, float]]:
        """Median and 95th percentile of each stage, ms, the first frames left out."""
        rows = {}
        for stage, seconds in self.seconds.items():
            kept = np.array(seconds[WARM_UP:] or seconds) * 1000
            rows[stage] = {"median_ms": round(float(np.median(kept)), 2), "p95_ms": round(float(np.percentile(kept, 95)), 2)}
        return rows


def camera_stream(frames: Iterator[NDArray[np.uint8]]) -> list[bytes]:
    """RGB frames as VP8 packets of a 640×480 camera; the shorter side is filled, the longer one cut."""
    encoder = VideoEncoder("VP8", WIDTH, HEIGHT, FPS, BITRATE)
    packets = []
    for number, rgb in enumerate(itertools.islice(frames, CAMERA_FRAMES)):
        scale = max(WIDTH / rgb.shape[1], HEIGHT / rgb.shape[0])
        large = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = (large.shape[0] - HEIGHT) // 2, (large.shape[1] - WIDTH) // 2
        cut = np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH])
        packet = encoder.encode(np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2YUV_I420), np.uint8), number * 3000)
        if packet is not None:
            packets.append(bytes(packet))
    return packets


def own_frames(session: Chain, backdrop: Backdrop) -> Iterator[NDArray[np.uint8]]:
    """The avatar idling, as its own driver."""
    performance = live_performance()
    for frame in itertools.count():
        bgr = backdrop.bgr(session.render(performance.sample(frame / FPS).state).rgba)
        yield np.ascontiguousarray(bgr[..., ::-1])


class Camera:
    """Decodes the stream over and over."""

    def __init__(self, packets: list[bytes]) -> None:
        self._packets = itertools.cycle(packets)
        self._decoder = av.CodecContext.create("libvpx", "r")
        self._decoder.thread_count = 1
        self._number = 0

    def next(self) -> NDArray[np.uint8]:
        """The next frame, RGB [480, 640, 3]."""
        while True:
            packet = av.Packet(next(self._packets))
            packet.pts, packet.time_base = self._number * 3000, Fraction(1, 90000)
            self._number += 1
            frames = self._decoder.decode(packet)
            if frames:
                return camera_rgb(frames[0])


def stages(avatar: Avatar, camera: Camera, watch: Stopwatch, backdrop: Backdrop) -> int:
    """Time each stage alone, one after the other; returns in how many frames a face was found."""
    session, performance, found = avatar.new_session(), live_performance(), 0
    encoder = VideoEncoder("VP8", avatar.size, avatar.size, FPS, BITRATE)
    with FaceTracker() as tracker:
        for frame in tqdm(range(STAGE_FRAMES + WARM_UP), desc="stages", unit="frame", leave=False):
            now = frame / FPS
            rgb = watch.time("decode", camera.next)
            face = watch.time("track", lambda rgb=rgb, now=now: tracker.track(rgb, now))  # type: ignore[misc]
            if face is not None:
                found += 1
                performance.camera.push(face.state, now)
            state: DriveState = watch.time("drive", lambda now=now: performance.sample(now)).state  # type: ignore[misc]
            picture = session.render(state)
            for stage, seconds in picture.seconds.items():
                watch.add(stage, seconds)
            i420 = watch.time("convert", lambda rgba=picture.rgba: backdrop.i420(rgba))  # type: ignore[misc]
            watch.time("encode", lambda i420=i420, pts=frame * 3000: encoder.encode(i420, pts))  # type: ignore[misc]
    return found


def throughput(avatar: Avatar, camera: Camera, seconds: float, backdrop: Backdrop) -> dict[str, float]:
    """Camera frames a second that go all the way from VP8 in to VP8 out, tracking and rendering side by side."""
    performance: Performance = live_performance()
    handover: queue.Queue[float] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def follow() -> None:
        with FaceTracker() as tracker:
            while not stop.is_set():
                now = time.monotonic()
                face = tracker.track(camera.next(), now)
                if face is not None:
                    performance.camera.push(face.state, now)
                while not stop.is_set():
                    try:
                        handover.put(now, timeout=0.1)
                        break
                    except queue.Full:
                        continue

    session, encoder = avatar.new_session(), VideoEncoder("VP8", avatar.size, avatar.size, FPS, BITRATE)
    thread = threading.Thread(target=follow, name="mien-bench-tracking", daemon=True)
    thread.start()
    frames, begun, used = -WARM_UP, time.perf_counter(), time.process_time()
    try:
        while True:
            handover.get(timeout=30)
            picture = session.render(performance.sample(time.monotonic()).state, portrait_camera())
            encoder.encode(backdrop.i420(picture.rgba), (frames + WARM_UP) * 3000)
            frames += 1
            if frames == 0:
                begun, used = time.perf_counter(), time.process_time()
            if frames > 0 and time.perf_counter() - begun >= seconds:
                break
    finally:
        stop.set()
        thread.join(5)
    spent = time.perf_counter() - begun
    return {
        "fps": round(frames / spent, 1),
        "cpu_ms_per_frame": round(1000 * (time.process_time() - used) / frames, 1),
        "seconds": round(spent, 1),
    }


def bench(bundle: Path, engine: str, video: Path | None, seconds: float) -> dict[str, Any]:
    """The whole report, as plain values."""
    begun = time.perf_counter()
    avatar = Avatar.load(bundle, engine)
    load = time.perf_counter() - begun
    backdrop = Backdrop("#f4f2ee")
    if video is None:
        packets = camera_stream(own_frames(avatar.new_session(), backdrop))
    else:
        with VideoReader(video) as reader:
            packets = camera_stream(rgb for _, rgb in reader)
    watch = Stopwatch()
    found = stages(avatar, Camera(packets), watch, backdrop)
    return {
        "machine": machine(),
        "versions": versions(),
        "bundle": {"name": avatar.name, "mb": round(bundle.stat().st_size / 1e6, 1), "load_s": round(load, 2)},
        "engine": avatar.engine,
        "camera": "the avatar itself" if video is None else video.name,
        "faces_found": found / (STAGE_FRAMES + WARM_UP),
        "stages": watch.table(),
        "pipeline": throughput(avatar, Camera(packets), seconds, backdrop),
        "peak_memory_mb": round(peak_memory_mb()),
    }
