// Follows each frame from the camera to the screen.
//
// The camera frame's RTP timestamp travels through the server, which names it beside the timestamp of the picture that
// shows it; the browser knows when the first was captured and when the second appears.

const KEEP = 600;
const WINDOW = 300;
export const STAGES = ['track', 'wait', 'render', 'encode', 'send'];

class Recent extends Map {
  set(key, value) {
    super.set(key, value);
    if (this.size > KEEP) this.delete(this.keys().next().value);
    return this;
  }
}

export class Timing {
  constructor() {
    this.captured = new Recent(); // camera RTP timestamp -> capture time, ms of performance.now()
    this.histories = new Recent(); // picture's RTP timestamp -> server's record
    this.waiting = new Recent(); // picture's RTP timestamp -> display time, until its record comes
    this.frames = []; // the last WINDOW displayed frames
    this.shown = [];
    this.source = 'idle';
    this.ondisplay = null; // called with every frame that is fully known
  }

  // A camera frame was captured at `time` (ms of performance.now()) and leaves under `rtp`.
  capture(rtp, time) {
    this.captured.set(rtp, time);
  }

  // Server records: [picture rtp, camera rtp or null, source, five times in µs since the camera frame came].
  history(records) {
    for (const [rtp, camera, source, tracked, sampled, rendered, encoded, sent] of records) {
      const stages = [tracked, sampled - tracked, rendered - sampled, encoded - rendered, sent - encoded];
      const record = { camera, source, stages: stages.map((us) => us / 1000) };
      const shownAt = this.waiting.get(rtp);
      if (shownAt === undefined) this.histories.set(rtp, record);
      else {
        this.waiting.delete(rtp);
        this.#complete(rtp, record, shownAt);
      }
    }
  }

  // The picture `rtp` appears at `time` (ms of performance.now()).
  display(rtp, time) {
    this.shown.push(time);
    while (this.shown.length && this.shown[0] < time - 2000) this.shown.shift();
    const record = this.histories.get(rtp);
    if (record === undefined) this.waiting.set(rtp, time);
    else {
      this.histories.delete(rtp);
      this.#complete(rtp, record, time);
    }
  }

  #complete(rtp, record, shownAt) {
    const capturedAt = record.camera === null ? undefined : this.captured.get(record.camera);
    const delay = capturedAt === undefined ? null : shownAt - capturedAt;
    const frame = { rtp, shownAt, delay, ...record };
    this.source = record.source;
    this.frames.push(frame);
    if (this.frames.length > WINDOW) this.frames.shift();
    this.ondisplay?.(frame);
  }

  // Pictures shown a second, over the last two seconds.
  fps(now) {
    const recent = this.shown.filter((t) => t > now - 2000);
    if (recent.length < 2) return 0;
    const span = recent.at(-1) - recent[0];
    return now - recent.at(-1) > 1000 || span <= 0 ? 0 : ((recent.length - 1) * 1000) / span;
  }

  // Camera to screen, ms; null without a camera.
  delays(now) {
    const recent = this.frames.filter((f) => f.delay !== null && f.shownAt > now - 10000).map((f) => f.delay);
    return { p50: percentile(recent, 0.5), p95: percentile(recent, 0.95) };
  }

  // Median ms of each stage in the server.
  stages() {
    const medians = {};
    STAGES.forEach((name, i) => {
      medians[name] = percentile(this.frames.map((f) => f.stages[i]), 0.5);
    });
    return medians;
  }
}

export function percentile(values, share) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] * 10) / 10;
}
