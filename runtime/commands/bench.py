"""How long each stage of the live path takes, and how many frames a second the whole of it makes.

The camera is a 640×480 VP8 stream, as a browser sends it: frames of a video, or the avatar's own rendering of an idle
head where none is given.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from runtime.avatar.chain import Chain, RenderedPicture
from runtime.avatar.choose import choose
from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.bundle import GRAPHS, read_bundle
from runtime.driving.performance import Performance, live_performance
from runtime.errors import BadInput
from runtime.live.session import IN_FLIGHT
from runtime.machine import machine, peak_memory_mb, versions
from runtime.media.colour import Backdrop, camera_rgb
from runtime.media.encode import VideoEncoder
from runtime.media.reading import VideoReader
from runtime.tracking.tracker import FaceTracker

WIDTH, HEIGHT, FPS, BITRATE = 640, 480, 30.0, 1_500_000
CAMERA_FRAMES = 240
STAGE_FRAMES = 120
WARM_UP = 15
POLL = 0.1
"""Seconds between looks at whether a thread should end or has ended."""


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - begun)

    def add(self, stage: str, seconds: float) -> None:
        self.seconds.setdefault(stage, []).append(seconds)

    def table(self) -> dict[str, dict[str, float]]:
        """Median and 95th percentile of each stage, ms, the first frames left out."""
        rows = {}
        for stage, seconds in self.seconds.items():
            kept = np.array(seconds[WARM_UP:] or seconds) * 1000
            rows[stage] = {
                "median_ms": round(float(np.median(kept)), 2),
                "p95_ms": round(float(np.percentile(kept, 95)), 2),
            }
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


def own_frames(chain: Chain, backdrop: Backdrop) -> Iterator[NDArray[np.uint8]]:
    """The avatar idling, as its own driver."""
    performance = live_performance()
    for frame in itertools.count():
        bgr = backdrop.bgr(chain.render(performance.sample(frame / FPS).state).rgba)
        yield np.ascontiguousarray(bgr[..., ::-1])


class CameraReplay:
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


def stages(chain: Chain, size: int, camera: CameraReplay, watch: Stopwatch, backdrop: Backdrop) -> int:
    """Time each stage alone, one after the other, on one core; returns in how many frames a face was found."""
    performance, found = live_performance(), 0
    encoder = VideoEncoder("VP8", size, size, FPS, BITRATE)
    with FaceTracker() as tracker:
        for frame in tqdm(range(STAGE_FRAMES + WARM_UP), desc="stages", unit="frame", leave=False):
            now = frame / FPS
            with watch("decode"):
                rgb = camera.next()
            with watch("track"):
                face = tracker.track(rgb, now)
            with watch("drive"):
                if face is not None:
                    found += 1
                    performance.camera.push(face.state, now)
                state = performance.sample(now).state
            picture = chain.render(state)
            for stage, seconds in picture.seconds.items():
                watch.add(stage, seconds)
            with watch("convert"):
                i420 = backdrop.i420(picture.rgba)
            with watch("encode"):
                encoder.encode(i420, frame * 3000)
    return found


class Follower:
    """Decodes and tracks camera frames in a thread of its own and tells when each has been pushed."""

    def __init__(self, camera: CameraReplay, performance: Performance) -> None:
        self._tracked: queue.Queue[float] = queue.Queue(maxsize=1)
        self._camera, self._performance, self._stopped = camera, performance, threading.Event()
        self._pool = ThreadPoolExecutor(1, "mien-bench-tracking")
        self._running = self._pool.submit(self._run)

    def wait(self) -> None:
        """Returns once another frame has been pushed. Raises what the thread raised if it has ended."""
        while True:
            with contextlib.suppress(queue.Empty):
                self._tracked.get(timeout=POLL)
                return
            if self._running.done():
                self._running.result()
                raise RuntimeError("the tracking has ended")

    def stop(self) -> None:
        self._stopped.set()
        self._pool.shutdown()

    def _run(self) -> None:
        with FaceTracker() as tracker:
            while not self._stopped.is_set():
                now = time.monotonic()
                face = tracker.track(self._camera.next(), now)
                if face is not None:
                    self._performance.camera.push(face.state, now)
                while not self._stopped.is_set():
                    with contextlib.suppress(queue.Full):
                        self._tracked.put(now, timeout=POLL)
                        break


def throughput(avatar: LoadedAvatar, camera: CameraReplay, seconds: float, backdrop: Backdrop) -> dict[str, float]:
    """Camera frames a second that go all the way from VP8 in to VP8 out, arranged in threads as the server does."""
    performance = live_performance()
    encoder = VideoEncoder("VP8", avatar.size, avatar.size, FPS, BITRATE)
    renderers = [avatar.new_renderer() for _ in range(IN_FLIGHT)]
    under_way: deque[Future[RenderedPicture]] = deque()
    follower = Follower(camera, performance)
    frames, begun, used = -WARM_UP, 0.0, 0.0
    with ThreadPoolExecutor(IN_FLIGHT, "mien-bench-render") as workers:
        try:
            for number in itertools.count():
                follower.wait()
                if len(under_way) == IN_FLIGHT:
                    encoder.encode(backdrop.i420(under_way.popleft().result().rgba), number * 3000)
                state = performance.sample(time.monotonic()).state
                under_way.append(workers.submit(renderers[number % IN_FLIGHT].render, state))
                frames += 1
                if frames == 0:
                    begun, used = time.perf_counter(), time.process_time()
                if frames > 0 and time.perf_counter() - begun >= seconds:
                    break
        finally:
            follower.stop()
    spent = time.perf_counter() - begun
    return {
        "fps": round(frames / spent, 1),
        "cpu_ms_per_frame": round(1000 * (time.process_time() - used) / frames, 1),
        "seconds": round(spent, 1),
    }


def _packets(video: Path | None, chain: Chain, backdrop: Backdrop) -> list[bytes]:
    if video is None:
        return camera_stream(own_frames(chain, backdrop))
    with VideoReader(video) as reader:
        packets = camera_stream(rgb for _, rgb in reader)
    if not packets:
        raise BadInput(f"'{video}' holds no picture; give a --video that shows a face")
    return packets


def bench(bundle: Path, engine: str, video: Path | None, seconds: float) -> dict[str, Any]:
    """The whole report, as plain values."""
    begun = time.perf_counter()
    read = read_bundle(bundle)
    chosen = choose(engine, read)
    avatar = LoadedAvatar(read, chosen.engine.name)
    load = time.perf_counter() - begun
    graphs = {name: chosen.engine.load(read.files[f"{name}.onnx"], read.manifest.graphs[name]) for name in GRAPHS}
    chain = Chain(graphs, read.manifest.latent, chosen.bank)
    backdrop = Backdrop("#f4f2ee")
    packets = _packets(video, chain, backdrop)
    watch = Stopwatch()
    found = stages(chain, avatar.size, CameraReplay(packets), watch, backdrop)
    if not found:
        raise BadInput(f"no face was found in '{video or avatar.name}'; give a --video that shows one from the front")
    return {
        "machine": machine(),
        "versions": versions(),
        "bundle": {"name": avatar.name, "mb": round(bundle.stat().st_size / 1e6, 1), "load_s": round(load, 2)},
        "engine": chosen.reason,
        "camera": "the avatar itself" if video is None else video.name,
        "faces_found": found / (STAGE_FRAMES + WARM_UP),
        "stages": watch.table(),
        "pipeline": throughput(avatar, CameraReplay(packets), seconds, backdrop),
        "peak_memory_mb": round(peak_memory_mb()),
    }
