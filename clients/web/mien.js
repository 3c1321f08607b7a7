// Mien in a page: one connection that brings the avatar and takes the camera, prompts and scripts.
//
//   import { connect } from '/mien.js';
//   const mien = await connect(document.querySelector('video'));
//   await mien.prompt('smile, then wink left');
//   await mien.play(mien.expressions[0]?.name); // one of the expressions that only this avatar has
//
// Events: "state" (detail: connecting, live, reconnecting, closed), "face" (detail: whether the camera sees one).

import { Timing } from './timing.js';

const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 }, facingMode: 'user' };
const CAMERA_BITRATE = 1_200_000;
const GATHERING = 250; // ms that candidates get; on one machine or network the first are enough
const REPLY = 5000; // ms to wait for an answer to a message
const HERE = new URL('.', import.meta.url).href.replace(/\/$/, ''); // the server that this module came from
const RETRY = [300, 700, 1500, 3000, 5000]; // ms between attempts to reconnect

export class MienError extends Error {}

// Shows `avatar` (the server's first by default) in `video`; resolves once it is live.
export async function connect(video, { base = HERE, avatar, token } = {}) {
  const mien = new Mien(video, { base, avatar, token });
  await mien.start();
  return mien;
}

export class Mien extends EventTarget {
  #video; #base; #avatar; #token;
  #pc = null; #session = null; #sender = null; #control = null; #camera = null;
  #expressions = []; #waiting = []; #closed = false; #attempt = 0; #timer = null; #worker = null;
  #view = { yaw: 0, pitch: 0 };

  constructor(video, { base = HERE, avatar, token } = {}) {
    super();
    this.#video = video;
    this.#base = base;
    this.#avatar = avatar;
    this.#token = token;
    this.timing = new Timing();
    this.state = 'new';
    this.milestones = {}; // ms of performance.now(): posted, answered, shown
    this.#watchVideo();
    addEventListener('pagehide', () => this.#leave());
  }

  async start() {
    this.#closed = false;
    this.#setState(this.#attempt ? 'reconnecting' : 'connecting');
    try {
      await this.#open();
    } catch (error) {
      this.#drop();
      if (error instanceof MienError && error.final) {
        this.#setState('closed');
        throw error;
      }
      this.#retry(error.message);
      if (this.#attempt === 1) throw error;
    }
  }

  // Ends the connection for good.
  async close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.stopCamera();
    this.#leave();
    this.#drop();
    this.#setState('closed');
  }

  // Asks for the camera and lets it drive the avatar. Rejects with one sentence when there is none or it is refused.
  async useCamera() {
    const media = navigator.mediaDevices;
    if (!media?.getUserMedia) throw new MienError('Browsers give their camera to secure pages only: open this one by https or as localhost.');
    let stream;
    try {
      stream = await media.getUserMedia({ video: CAMERA, audio: false });
    } catch (error) {
      throw new MienError(cameraProblem(error));
    }
    this.#camera = stream;
    const [track] = stream.getVideoTracks();
    track.contentHint = 'motion';
    track.addEventListener('ended', () => {
      this.stopCamera();
      this.#emit('camera', 'The camera was taken away; the avatar goes on by itself.');
    });
    await this.#attachCamera();
    return stream;
  }

  // Shows the camera in a preview, whose capture times make the delay exact.
  preview(video) {
    video.srcObject = this.#camera;
    const onFrame = (now, { captureTime }) => {
      if (captureTime !== undefined) this.timing.camera.previewed(captureTime);
      if (video.srcObject) video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback?.(onFrame);
  }

  // Gives the camera back; the avatar eases into idling.
  stopCamera() {
    this.#camera?.getTracks().forEach((track) => track.stop());
    this.#camera = null;
    this.#sender?.replaceTrack(null).catch(() => {});
    this.#send({ type: 'camera', active: false });
  }

  // Acts a text; resolves to {seconds, unknown: [{text, nearest}]}.
  prompt(text) {
    return this.#ask({ type: 'prompt', text });
  }

  // What only this avatar can do: [{name, prompt, drive}]; filled once `start` has resolved.
  get expressions() {
    return this.#expressions;
  }

  // Plays one of `expressions` by its name; resolves to {seconds}. Prompts may also say the name: 'tongue out slightly'.
  async play(name) {
    if (!this.#expressions.some((own) => own.name === name)) throw new MienError(`This avatar has no expression “${name}”.`);
    return this.prompt(name);
  }

  // Plays a script (YAML or JSON text); resolves to {seconds}.
  script(text, { loop = false } = {}) {
    return this.#ask({ type: 'script', text, loop });
  }

  // Ends prompt and script.
  stop() {
    this.#send({ type: 'stop' });
  }

  // Sends expression coefficients by their ARKit names, 0..1, and optionally rotation [x, y, z, w].
  coefficients(values, rest = {}) {
    this.#send({ type: 'coefficients', values, ...rest });
  }

  // Looks at the head from another side, radians.
  view(yaw, pitch) {
    this.#view = { yaw, pitch };
    this.#send({ type: 'view', yaw, pitch });
  }

  stats() {
    const now = performance.now();
    const quality = this.#video.getVideoPlaybackQuality?.() ?? {};
    return {
      fps: Math.round(this.timing.fps(now) * 10) / 10,
      delayMs: this.timing.delays(now),
      framesDecoded: quality.totalVideoFrames ?? 0,
      framesDropped: quality.droppedVideoFrames ?? 0,
      source: this.timing.source,
      stages: this.timing.stages(),
      state: this.state,
      milestones: { ...this.milestones },
    };
  }

  async #open() {
    await this.#describe();
    const pc = (this.#pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' }));
    const transceiver = pc.addTransceiver('video', { direction: 'sendrecv', sendEncodings: [{ maxBitrate: CAMERA_BITRATE, maxFramerate: 30 }] });
    preferVp8(transceiver);
    this.#sender = transceiver.sender;
    this.#stampCamera(transceiver.sender);
    if ('jitterBufferTarget' in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
    this.#control = pc.createDataChannel('control');
    this.#control.onmessage = ({ data }) => this.#onControl(JSON.parse(data));
    this.#control.onopen = () => {
      if (this.#view.yaw || this.#view.pitch) this.view(this.#view.yaw, this.#view.pitch);
    };
    pc.createDataChannel('frames', { ordered: false, maxRetransmits: 0 }).onmessage = ({ data }) => this.timing.history(JSON.parse(data));
    pc.ontrack = ({ track }) => {
      this.#video.srcObject = new MediaStream([track]);
      this.#video.play().catch(() => {});
    };
    pc.onconnectionstatechange = () => this.#onConnection(pc);
    await pc.setLocalDescription();
    await gathered(pc);
    await this.#exchange(pc);
    if (this.#camera) await this.#attachCamera();
  }

  async #exchange(pc) {
    this.milestones.posted = performance.now();
    const response = await this.#fetch(`/${encodeURIComponent(this.#avatar)}/whip`, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp,
    });
    this.#session = new URL(response.headers.get('Location'), response.url).href;
    const answer = await response.text();
    this.milestones.answered = performance.now();
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  async #describe() {
    const { avatars } = await (await this.#fetch('/api/avatars')).json();
    this.#avatar ??= avatars[0].name;
    this.#expressions = avatars.find(({ name }) => name === this.#avatar)?.bank ?? [];
  }

  async #fetch(path, options = {}) {
    const headers = { ...options.headers, ...(this.#token && { Authorization: `Bearer ${this.#token}` }) };
    const response = await fetch(this.#base + path, { ...options, headers });
    if (response.ok) return response;
    const { detail } = await response.json().catch(() => ({}));
    const error = new MienError(sentence(detail ?? `The server answered ${response.status}`));
    error.final = response.status >= 400 && response.status < 500;
    throw error;
  }

  async #attachCamera() {
    const [track] = this.#camera.getVideoTracks();
    await this.#sender?.replaceTrack(track);
  }

  #stampCamera(sender) {
    if (typeof RTCRtpScriptTransform === 'undefined') return;
    this.#worker ??= new Worker(`${this.#base}/stamps.js`);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data: rtp }) => this.timing.camera.passed(rtp, performance.now());
    sender.transform = new RTCRtpScriptTransform(this.#worker, { port: port2 }, [port2]);
  }

  #watchVideo() {
    if (!this.#video.requestVideoFrameCallback) return;
    const onFrame = (now, frame) => {
      this.milestones.shown ??= performance.now();
      this.#setState('live');
      // A late callback may name a moment that has passed; nobody can have seen the frame before it was drawn.
      const shown = Math.max(frame.expectedDisplayTime, frame.presentationTime, now);
      this.timing.display(frame.rtpTimestamp, shown, frame.receiveTime);
      this.#video.requestVideoFrameCallback(onFrame);
    };
    this.#video.requestVideoFrameCallback(onFrame);
  }

  #onConnection(pc) {
    if (pc !== this.#pc || this.#closed) return;
    if (pc.connectionState === 'connected') this.#attempt = 0;
    if (['failed', 'disconnected', 'closed'].includes(pc.connectionState)) {
      this.#leave();
      this.#drop();
      this.#retry('The connection was lost');
    }
  }

  #retry(reason) {
    if (this.#closed) return;
    const wait = RETRY[Math.min(this.#attempt, RETRY.length - 1)];
    this.#attempt += 1;
    this.#setState('reconnecting', reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start().catch(() => {}), wait);
  }

  #onControl(message) {
    if (message.type === 'face') this.#emit('face', message.present);
    const kind = message.type === 'problem' ? message.about : message.type;
    const index = this.#waiting.findIndex((w) => w.kind === kind);
    if (index < 0) return;
    const [{ resolve, reject, timer }] = this.#waiting.splice(index, 1);
    clearTimeout(timer);
    if (message.type === 'problem') reject(new MienError(sentence(message.detail)));
    else resolve(message);
  }

  #ask(message) {
    return new Promise((resolve, reject) => {
      if (!this.#send(message)) {
        reject(new MienError('Not connected at the moment; try again in a second.'));
        return;
      }
      const entry = { kind: message.type, resolve, reject };
      entry.timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(new MienError('The server did not answer; try again.'));
      }, REPLY);
      this.#waiting.push(entry);
    });
  }

  #send(message) {
    if (this.#control?.readyState !== 'open') return false;
    this.#control.send(JSON.stringify(message));
    return true;
  }

  // Tells the server at once, also while the page is being closed.
  #leave() {
    if (!this.#session) return;
    const headers = this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
    fetch(this.#session, { method: 'DELETE', keepalive: true, headers }).catch(() => {});
    this.#session = null;
  }

  #drop() {
    const pc = this.#pc;
    this.#pc = this.#sender = this.#control = null;
    pc?.close();
  }

  #setState(state, reason) {
    if (this.state === state) return;
    this.state = state;
    this.#emit('state', state, reason);
  }

  #emit(type, detail, reason) {
    const event = new CustomEvent(type, { detail });
    event.reason = reason;
    this.dispatchEvent(event);
  }
}

// Candidates so far: complete ones, or what came within GATHERING.
function gathered(pc) {
  return new Promise((resolve) => {
    if (pc.iceGatheringState === 'complete') resolve();
    pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve());
    setTimeout(resolve, GATHERING);
  });
}

// VP8 costs the server and the browser least for a head of this size.
function preferVp8(transceiver) {
  const { codecs } = RTCRtpReceiver.getCapabilities('video');
  const first = codecs.filter((c) => /vp8|rtx/i.test(c.mimeType));
  const rest = codecs.filter((c) => !/vp8|rtx/i.test(c.mimeType));
  transceiver.setCodecPreferences?.([...first, ...rest]);
}

function cameraProblem({ name }) {
  if (name === 'NotAllowedError') return 'The camera is not allowed for this page; allow it in the address bar and try again.';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'No camera was found; plug one in and try again.';
  if (name === 'NotReadableError') return 'The camera is in use by another program; close that and try again.';
  return `The camera could not be opened (${name}).`;
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
