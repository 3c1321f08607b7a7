"""Keeps what a page received, without disturbing it: the encoded frames, copied before they are decoded."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from playwright.sync_api import Page

TAP = """
(() => {
  const code = `onrtctransform = ({ transformer }) => transformer.readable.pipeThrough(new TransformStream({
    transform(frame, controller) {
      transformer.options.port.postMessage([frame.getMetadata().rtpTimestamp ?? frame.timestamp, frame.data.slice(0)]);
      controller.enqueue(frame);
    },
  })).pipeTo(transformer.writable);`;
  const Plain = window.RTCPeerConnection;
  window.received = [];
  window.RTCPeerConnection = class extends Plain {
    addTransceiver(...options) {
      const transceiver = super.addTransceiver(...options);
      const worker = new Worker(URL.createObjectURL(new Blob([code])));
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => window.received.push(data);
      transceiver.receiver.transform = new RTCRtpScriptTransform(worker, { port: port2 }, [port2]);
      return transceiver;
    }
  };
})();
"""
FETCH = """
() => window.received.splice(0).map(([rtp, data]) => {
  let text = '';
  for (const byte of new Uint8Array(data)) text += String.fromCharCode(byte);
  return [rtp, btoa(text)];
})
"""
LOG = """
() => {
  window.displayed = [];
  mien.timing.ondisplay = ({ rtp, shownAt, delay, camera, source, stages, show, upload }) =>
    window.displayed.push([rtp, shownAt, delay, camera, source, show, upload, ...stages]);
}
"""


@dataclass(frozen=True)
class Displayed:
    """One frame on the screen. Times in ms of the page's clock; None where no camera drives."""

    rtp: int
    shown_at: float
    delay: float | None
    source: str
    stages: dict[str, float | None]


def tap(page: Page) -> None:
    """Copies all video that `page` will receive; before it is opened."""
    page.add_init_script(TAP)


def log_displayed(page: Page) -> None:
    """Begins to note each displayed frame."""
    page.evaluate(LOG)


def displayed(page: Page) -> list[Displayed]:
    """The frames noted since the last call."""
    rows: list[list[Any]] = json.loads(page.evaluate("() => JSON.stringify(window.displayed.splice(0))"))
    names = ("show", "upload", "track", "wait", "render", "encode", "send")
    return [Displayed(r[0], r[1], r[2], r[4], dict(zip(names, r[5:], strict=True))) for r in rows]


def received(page: Page, skip: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Seconds [N] on the sender's clock and pictures [H, W, 3] of all VP8 video that came, less the first `skip`."""
    decoder = av.CodecContext.create("libvpx", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    times, pictures = [], []
    for rtp, data in page.evaluate(FETCH):
        for frame in decoder.decode(av.Packet(base64.b64decode(data))):
            times.append(rtp)
            pictures.append(frame.to_ndarray(format="rgb24"))
    stamps = np.array(times[skip:], np.int64)
    return ((stamps - stamps[:1]) % 2**32) / 90_000, pictures[skip:]
