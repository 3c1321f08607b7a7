// Follows each frame from the camera to the screen.
//
// The camera frame's RTP timestamp travels through the server, which names it beside the timestamp of the picture that
// shows it; the browser knows when the first was captured and when the second appears.

const KEEP = 600;
const WINDOW = 300;
const HALF_FRAME = 16; // ms
export const STAGES = ['track', 'wait', 'render', 'encode', 'send'];

class Recent extends Map {
  set(key, value) {
    super.set(key, value);
    if (this.size > KEEP) this.delete(this.keys().next().value);
    return this;
  }
}

// Relates RTP timestamps of camera frames to the page's clock.
//
// Browsers stamp camera frames with their capture time on a clock of unknown origin. The earliest that an encoded frame was
// ever seen after its stamp gives that origin up to the shortest encoding time; the capture times of the local preview, which
// fall on the same instants, take that remainder away.
export class CaptureClock {
  #base = null; #baseMs = 0; #least = []; #stamps = []; #residuals = [];

  // An encoded camera frame with timestamp `rtp` was seen at `time` (ms of performance.now()).
  passed(rtp, time) {
    const ms = this.#unwrap(rtp);
    this.#stamps.push(ms);
    if (this.#stamps.length > WINDOW) this.#stamps.shift();
    this.#least.push(time - ms);
    if (this.#least.length > WINDOW) this.#least.shift();
  }

  // The local preview shows a frame captured at `time`.
  previewed(time) {
    const origin = Math.min(...this.#least);
    if (!Number.isFinite(origin)) return;
    const gaps = this.#stamps.map((ms) => time - (ms + origin));
    const residual = gaps.reduce((best, gap) => (Math.abs(gap) < Math.abs(best) ? gap : best));
    if (residual < 2 && residual > -HALF_FRAME) this.#residuals.push(residual);
    if (this.#residuals.length > 90) this.#residuals.shift();
  }

  // When the frame stamped `rtp` was captured, ms of performance.now(); undefined before the first frame.
  capturedAt(rtp) {
    if (this.#base === null) return undefined;
    return this.#unwrap(rtp) + Math.min(...this.#least) + (percentile(this.#residuals, 0.5) ?? 0);
  }

  #unwrap(rtp) {
    this.#base ??= rtp;
    const ms = this.#baseMs + ((rtp - this.#base) | 0) / 90;
    if (ms > this.#baseMs) [this.#base, this.#baseMs] = [rtp, ms];
    return ms;
  }
}

export class Timing {
  constructor() {
    this.camera = new CaptureClock();
    this.histories = new Recent(); // picture's RTP timestamp -> server's record
    this.waiting = new Recent(); // picture's RTP timestamp -> display and arrival, until its record comes
    this.frames = []; // the last WINDOW displayed frames
    this.shown = [];
    this.source = 'idle';
    this.ondisplay = null; // called with every frame that is fully known
  }

  // Server records: [picture rtp, camera rtp or null, source, five times in µs since the camera frame came]. A time that the
  // server does not know is null, and so is what follows from it.
  history(records) {
    for (const [rtp, camera, source, tracked, sampled, rendered, encoded, sent] of records) {
      const times = [0, tracked, sampled, rendered, encoded, sent];
      const stages = times.slice(1).map((time, i) => (known(time) && known(times[i]) ? (time - times[i]) / 1000 : null));
      const record = { camera, source, stages };
      const seen = this.waiting.get(rtp);
      if (seen === undefined) this.histories.set(rtp, record);
      else {
        this.waiting.delete(rtp);
        this.#complete(rtp, record, seen);
      }
    }
  }

  // The picture `rtp`, complete in the browser at `arrived`, appears at `time` (ms of performance.now()). One that came by
  // another way than WebRTC has neither.
  display(rtp, time, arrived) {
    this.shown.push(time);
    while (this.shown.length && this.shown[0] < time - 2000) this.shown.shift();
    if (rtp === undefined) return;
    const record = this.histories.get(rtp);
    if (record === undefined) this.waiting.set(rtp, { time, arrived });
    else {
      this.histories.delete(rtp);
      this.#complete(rtp, record, { time, arrived });
    }
  }

  #complete(rtp, record, { time, arrived }) {
    const capturedAt = known(record.camera) ? this.camera.capturedAt(record.camera) : undefined;
    const delay = capturedAt === undefined ? null : time - capturedAt;
    const show = known(arrived) ? time - arrived : null;
    const rest = [delay, show, ...record.stages];
    const upload = rest.every(known) ? rest.reduce((left, ms) => left - ms) : null;
    const frame = { rtp, shownAt: time, delay, show, upload, ...record };
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

  // Camera to screen, ms; null without a camera and where it is not known.
  delays(now) {
    const recent = this.frames.filter((f) => f.shownAt > now - 10000).map((f) => f.delay);
    return { p50: percentile(recent, 0.5), p95: percentile(recent, 0.95) };
  }

  // Median ms of each stage: in the server, before it (upload: encoding and network) and after it (show).
  stages() {
    const medians = {};
    STAGES.forEach((name, i) => {
      medians[name] = percentile(this.frames.map((f) => f.stages[i]), 0.5);
    });
    medians.upload = percentile(this.frames.map((f) => f.upload), 0.5);
    medians.show = percentile(this.frames.map((f) => f.show), 0.5);
    return medians;
  }
}

const known = (value) => value !== null && value !== undefined;

// Of those values that are known; null where none is.
export function percentile(values, share) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (!sorted.length) return null;
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] * 10) / 10;
}
