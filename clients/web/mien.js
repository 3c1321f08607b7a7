// Mien in a page: one connection that brings the avatar and takes the camera, prompts and scripts.
//
//   import { connect } from './mien.js'; // by its address also in a page of an origin that the server was told to --allow-origin
//   const mien = await connect(document.querySelector('video'));
//   await mien.prompt('smile, then wink left');
//   await mien.play(mien.expressions[0]?.name); // one of the expressions that only this avatar has
//   await mien.close();
//
// What is asked of the avatar is a promise: it rejects with a MienError of one sentence where the server refuses or is away.
//
// Events: "state" (detail: connecting, live, reconnecting, closed; reason), "face" (detail: whether the camera sees one),
// "camera" (detail: why it was given back), "transport" (detail: webrtc, websocket; reason), "problem" (detail: what the server
// could not do, where nobody waits for its answer), "avatars" (the server's list is known).
//
// Where the network lets no media through (WebRTC over UDP), pictures come over a websocket: everything works but the camera.

import { FrameSocket } from './frames.js';
import { stampWorker } from './stamps.js';
import { Timing } from './timing.js';

const HERE = new URL('.', import.meta.url).href; // the server that this module came from
const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 }, facingMode: 'user' };
const CAMERA_BITRATE = 1_200_000;
const GATHERING = 250; // ms that candidates get; on one machine or network the first are enough
const REPLY = 5000; // ms to wait for an answer to a message
const RETRY = [300, 700, 1500, 3000, 5000]; // ms between attempts to reconnect
const ANSWER = 10_000; // ms that a request may take
const ROUTE = 5000; // ms from the answer until media must have found its way
const PICTURE = 15_000; // ms from then, or from an open websocket, until a picture must be on the screen
const INTERRUPTED = 6000; // ms that an interrupted connection gets to recover by itself
const UNREAL = 2; // width of the black picture that browsers show before the first real one
const MAX_MESSAGE = 64 * 1024; // bytes
const MAX_BUFFERED = 256 * 1024; // bytes that wait to be sent
const PASSING = [408, 425, 429]; // client errors that a later attempt may not meet

const LOST = 'The connection was lost';
const NO_ROUTE = 'There is no route for media: the network lets no UDP through to this server';

export class MienError extends Error {
  constructor(text) {
    super(sentence(text));
  }
}

class NoRoute extends MienError {}

// Shows `avatar` (the server's first by default) in `video`; resolves once it is live and rejects where it cannot be.
//
// `base` is the server's address with its path, by default where this module came from; `token` what it asks for.
export async function connect(video, options = {}) {
  const mien = new Mien(video, options);
  try {
    await mien.start();
  } catch (error) {
    await mien.close();
    throw error;
  }
  return mien;
}

export class Mien extends EventTarget {
  #video; #base; #avatar; #token;
  #life = null; // AbortController of everything from `start` to `close`
  #link = null; // AbortController of one attempt to connect and of what came of it
  #opening = false;
  #pc = null; #session = null; #sender = null; #control = null; #socket = null; #stream = null; #camera = null; #worker;
  #avatars = []; #waiting = new Map(); #messages = 0; #attempt = 0; #timer = null; #patience = null; #watched = null;
  #previews = new Map(); #obstacle = null; #view = { yaw: 0, pitch: 0 };

  constructor(video, { base = HERE, avatar, token } = {}) {
    super();
    this.#video = video;
    this.#base = new URL(base.endsWith('/') ? base : `${base}/`, location.href);
    this.#avatar = avatar;
    this.#token = token;
    this.timing = new Timing();
    this.state = 'new';
    this.transport = 'webrtc';
    this.milestones = {}; // ms of performance.now(): posted, answered, shown
  }

  // Resolves once the avatar is on the screen. Where the first attempt fails it rejects with the reason and goes on trying, until
  // `close`; where the server refuses it stays closed.
  async start() {
    if (this.#opening || this.state === 'live') return;
    this.#life ??= this.#begin();
    const life = this.#life;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#setState(this.#attempt ? 'reconnecting' : 'connecting');
    this.#opening = true;
    try {
      await this.#openMedia().catch((error) => {
        if (!(error instanceof NoRoute)) throw error;
        return this.#openSocket(error.message.slice(0, -1));
      });
      this.#attempt = 0;
    } catch (error) {
      if (life.signal.aborted) throw error;
      this.#leave();
      this.#drop(error.message);
      if (error.final) {
        this.#end(error.message);
        throw error;
      }
      this.#retry(error.message);
      if (this.#attempt === 1) throw error;
    } finally {
      if (life === this.#life) this.#opening = false;
    }
  }

  // Ends the connection for good and takes back all that it has put into the page.
  async close() {
    const left = this.#leave();
    if (this.#life) this.#end();
    await left;
  }

  // Asks for the camera and lets it drive the avatar. Rejects with one sentence when there is none or it is refused.
  async useCamera() {
    if (this.#obstacle) throw new MienError(this.#noCamera);
    const media = navigator.mediaDevices;
    if (!media?.getUserMedia) throw new MienError('Browsers give their camera to secure pages only: open this one by https or as localhost.');
    let stream;
    try {
      stream = await media.getUserMedia({ video: CAMERA, audio: false });
    } catch (error) {
      throw new MienError(cameraProblem(error));
    }
    if (!this.#life || this.#obstacle) {
      stream.getTracks().forEach((track) => track.stop());
      throw new MienError(this.#obstacle ? this.#noCamera : 'The connection was closed');
    }
    this.#camera = stream;
    const [track] = stream.getVideoTracks();
    track.contentHint = 'motion';
    track.addEventListener('ended', () => this.#loseCamera('The camera was taken away; the avatar goes on by itself.'), { signal: this.#life.signal });
    await this.#attachCamera();
    return stream;
  }

  // Shows the camera in a preview, whose capture times make the delay exact.
  preview(video) {
    video.srcObject = this.#camera;
    if (!video.requestVideoFrameCallback) return;
    const onFrame = (now, { captureTime }) => {
      if (captureTime !== undefined) this.timing.camera.previewed(captureTime);
      if (video.srcObject) this.#previews.set(video, video.requestVideoFrameCallback(onFrame));
      else this.#previews.delete(video);
    };
    this.#previews.set(video, video.requestVideoFrameCallback(onFrame));
  }

  // Gives the camera back; the avatar eases into idling.
  stopCamera() {
    this.#camera?.getTracks().forEach((track) => track.stop());
    this.#camera = null;
    for (const [video, handle] of this.#previews) {
      video.cancelVideoFrameCallback(handle);
      video.srcObject = null;
    }
    this.#previews.clear();
    this.#sender?.replaceTrack(null).catch(() => {});
    this.#send({ type: 'camera', active: false });
  }

  // Acts a text; resolves to {seconds, unknown: [{text, nearest}]}.
  prompt(text) {
    return this.#ask({ type: 'prompt', text });
  }

  // The server's avatars: [{name, size, fps, bank}]; known from the event "avatars" on.
  get avatars() {
    return this.#avatars;
  }

  // The name of the one that is shown.
  get avatar() {
    return this.#avatar;
  }

  // The address of an avatar's picture, for an <img>.
  thumbnail(name) {
    return this.#url(`${encodeURIComponent(name)}/thumbnail.png`, this.#token && { token: this.#token }).href;
  }

  // What only this avatar can do: [{name, prompt, drive}]; filled once `start` has resolved.
  get expressions() {
    return this.#avatars.find(({ name }) => name === this.#avatar)?.bank ?? [];
  }

  // Plays one of `expressions` by its name; resolves to {seconds}. Prompts may also say the name: 'tongue out slightly'.
  async play(name) {
    if (!this.expressions.some((own) => own.name === name)) throw new MienError(`This avatar has no expression “${name}”.`);
    return this.prompt(name);
  }

  // Plays a script (YAML or JSON text); resolves to {seconds}.
  script(text, { loop = false } = {}) {
    return this.#ask({ type: 'script', text, loop });
  }

  // Ends prompt and script.
  stop() {
    return this.#ask({ type: 'stop' });
  }

  // Sends expression coefficients, 0..1, by their ARKit names, and optionally {rotation: [x, y, z, w]}. Names may be spelled as
  // other programs do (JawOpen, jaw_open, eyeBlink_L). `values` may also be MediaPipe's categories, as
  // `result.faceBlendshapes[0].categories`.
  coefficients(values, rest = {}) {
    if (!Array.isArray(values) || typeof values[0] !== 'object') return this.#ask({ type: 'coefficients', values, ...rest });
    const named = Object.fromEntries(values.map(({ categoryName, score }) => [categoryName, score]));
    return this.#ask({ type: 'coefficients', values: named, ...rest });
  }

  // Looks at the head from another side, radians; holds over reconnections.
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
      source: this.transport === 'webrtc' ? this.timing.source : null, // pictures over a websocket do not say
      stages: this.timing.stages(),
      state: this.state,
      transport: this.transport,
      milestones: { ...this.milestones },
    };
  }

  #begin() {
    const life = new AbortController();
    const { signal } = life;
    addEventListener('pagehide', () => this.#leave(), { signal });
    addEventListener('online', () => this.#timer !== null && this.start().catch(() => {}), { signal });
    this.#video.addEventListener('resize', () => this.#onPicture(this.#video.videoWidth), { signal });
    if (this.#video.requestVideoFrameCallback) this.#watchFrames();
    return life;
  }

  #end(reason) {
    this.stopCamera();
    this.#drop('The connection was closed');
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#attempt = 0;
    this.#opening = false;
    this.#life?.abort();
    this.#life = null;
    if (this.#watched !== null) this.#video.cancelVideoFrameCallback(this.#watched);
    this.#watched = null;
    this.#worker?.then((worker) => worker?.terminate());
    this.#worker = undefined;
    this.#video.srcObject = null;
    this.#setState('closed', reason);
  }

  async #openMedia() {
    const { signal } = (this.#link = new AbortController());
    const [worker] = await Promise.all([(this.#worker ??= stampWorker()), this.#describe(signal)]);
    signal.throwIfAborted();
    if (typeof RTCPeerConnection === 'undefined') throw new NoRoute('This browser has no WebRTC');
    const pc = (this.#pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' }));
    const transceiver = pc.addTransceiver('video', { direction: 'sendrecv', sendEncodings: [{ maxBitrate: CAMERA_BITRATE, maxFramerate: 30 }] });
    preferVp8(transceiver);
    this.#sender = transceiver.sender;
    if (worker) this.#stampCamera(transceiver.sender, worker);
    if ('jitterBufferTarget' in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
    const control = (this.#control = pc.createDataChannel('control'));
    control.onmessage = ({ data }) => this.#onControl(JSON.parse(data));
    control.onopen = () => this.#resume();
    control.onclose = () => pc === this.#pc && this.#lost(LOST);
    pc.createDataChannel('frames', { ordered: false, maxRetransmits: 0 }).onmessage = ({ data }) => this.timing.history(JSON.parse(data));
    pc.ontrack = ({ track }) => this.#show(new MediaStream([track]));
    pc.onconnectionstatechange = () => this.#onConnection(pc);
    this.#obstacle = null;
    this.#setTransport('webrtc');
    await pc.setLocalDescription();
    await gathered(pc, signal);
    if (pc.iceGatheringState === 'complete' && !/^a=candidate:\S+ \d+ udp /im.test(pc.localDescription.sdp)) throw new NoRoute(NO_ROUTE);
    await this.#exchange(pc, signal);
    if (this.#camera) await this.#attachCamera();
    await this.#within(ROUTE, new NoRoute(NO_ROUTE), until(signal, pc, 'iceconnectionstatechange', () => routed(pc)));
    await this.#within(PICTURE, new MienError('No picture came'), Promise.all([
      until(signal, this, 'state', () => this.state === 'live'),
      until(signal, control, 'open', () => control.readyState === 'open'),
    ]));
  }

  async #openSocket(reason) {
    this.#obstacle = reason;
    if (this.#camera) this.#loseCamera(this.#noCamera);
    const nothing = `${reason}, nor do pictures come over a websocket`;
    const left = this.#leave();
    this.#drop(reason);
    const { signal } = (this.#link = new AbortController());
    await left; // its place may be the last one
    signal.throwIfAborted();
    this.#setTransport('websocket', reason);
    const url = this.#url(`${encodeURIComponent(this.#avatar)}/frames`, { codec: 'JPEG', ...(this.#token && { token: this.#token }) });
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = (this.#socket = new FrameSocket(url, {
      onopen: () => this.#resume(),
      onmessage: (message) => this.#onControl(message),
      onclose: (why) => socket === this.#socket && this.#lost(why || (this.#opening ? nothing : LOST)),
    }));
    socket.onpicture = () => {
      socket.onpicture = null;
      this.#show(socket.stream);
    };
    await this.#within(PICTURE, new MienError(nothing), until(signal, this, 'state', () => this.state === 'live'));
  }

  async #exchange(pc, signal) {
    this.milestones.posted = performance.now();
    const { response, text: answer } = await this.#fetch(`${encodeURIComponent(this.#avatar)}/whip`, signal, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp,
    });
    this.#session = new URL(response.headers.get('Location'), response.url);
    this.milestones.answered = performance.now();
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  async #describe(signal) {
    const { text } = await this.#fetch('api/avatars', signal);
    const avatars = parsed(text)?.avatars;
    if (!avatars?.length) throw new MienError(`There is no Mien server at ${this.#base.href}`);
    const names = avatars.map(({ name }) => name);
    this.#avatars = avatars;
    this.#avatar ??= names[0];
    this.#emit('avatars', avatars);
    if (names.includes(this.#avatar)) return;
    throw final(new MienError(`There is no avatar “${this.#avatar}” here, only: ${names.join(', ')}`));
  }

  #url(path, query) {
    const url = new URL(path, this.#base);
    url.search = new URLSearchParams(query || {});
    return url;
  }

  get #credentials() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }

  async #fetch(path, signal, options = {}) {
    const headers = { ...options.headers, ...this.#credentials };
    const away = new MienError(navigator.onLine ? 'The server does not answer; check that it runs and can be reached' : 'This machine has no network');
    const asked = fetch(this.#url(path), { ...options, headers, signal }).then(async (response) => [response, await response.text()]);
    const [response, text] = await this.#within(ANSWER, away, asked.catch((error) => {
      throw error instanceof MienError ? error : away;
    }));
    if (response.ok) return { response, text };
    const error = new MienError(parsed(text)?.detail ?? `The server answered ${response.status}`);
    throw response.status >= 400 && response.status < 500 && !PASSING.includes(response.status) ? final(error) : error;
  }

  // Waits for `work`; after `limit` ms that the page was seen, the attempt that is under way ends with `error`.
  async #within(limit, error, work) {
    const link = this.#link;
    let timer = null;
    const late = () => {
      if (document.hidden) timer = setTimeout(late, limit);
      else link.abort(error);
    };
    timer = setTimeout(late, limit);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  get #noCamera() {
    return `${this.#obstacle}, so your camera cannot drive the avatar.`;
  }

  async #attachCamera() {
    const [track] = this.#camera.getVideoTracks();
    await this.#sender?.replaceTrack(track);
  }

  #loseCamera(reason) {
    this.stopCamera();
    this.#emit('camera', reason);
  }

  #stampCamera(sender, worker) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data: rtp }) => this.timing.camera.passed(rtp, performance.now());
    this.#link.signal.addEventListener('abort', () => port1.close(), { once: true });
    sender.transform = new RTCRtpScriptTransform(worker, { port: port2 }, [port2]);
  }

  #show(stream) {
    this.#stream = this.#video.srcObject = stream;
    this.#video.play().catch(() => {});
  }

  #watchFrames() {
    const onFrame = (now, frame) => {
      this.#watched = this.#video.requestVideoFrameCallback(onFrame);
      if (!this.#onPicture(frame.width)) return;
      this.milestones.shown ??= performance.now();
      // A late callback may name a moment that has passed; nobody can have seen the frame before it was drawn.
      const shown = Math.max(frame.expectedDisplayTime, frame.presentationTime, now);
      this.timing.display(frame.rtpTimestamp, shown, frame.receiveTime);
    };
    this.#watched = this.#video.requestVideoFrameCallback(onFrame);
  }

  // A picture of this width is on the screen; returns whether it is a real one of this connection.
  #onPicture(width) {
    if (width <= UNREAL || this.#stream === null || this.#video.srcObject !== this.#stream) return false;
    this.#setState('live');
    return true;
  }

  #onConnection(pc) {
    if (pc !== this.#pc) return;
    clearTimeout(this.#patience);
    if (pc.connectionState === 'disconnected' && !this.#opening) {
      this.#setState('reconnecting', 'The connection is interrupted');
      this.#patience = setTimeout(() => this.#lost(LOST), INTERRUPTED);
    } else if (pc.connectionState === 'connected' && !this.#opening) {
      this.#onPicture(this.#video.videoWidth);
    } else if (pc.connectionState === 'failed' && pc.iceConnectionState === 'failed' && this.#opening) {
      this.#link.abort(new NoRoute(NO_ROUTE));
    } else if (pc.connectionState === 'failed' || pc.connectionState === 'closed') {
      this.#lost(LOST);
    }
  }

  // The connection ended by itself; while it is being opened, that is for `start` to deal with.
  #lost(reason) {
    if (this.#opening) {
      this.#link.abort(new MienError(reason === LOST ? 'No connection came about' : reason));
      return;
    }
    this.#leave();
    this.#drop(reason);
    this.#retry(reason);
  }

  #retry(reason) {
    const wait = RETRY[Math.min(this.#attempt, RETRY.length - 1)];
    this.#attempt += 1;
    this.#setState('reconnecting', reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start().catch(() => {}), wait);
  }

  #resume() {
    if (this.#view.yaw || this.#view.pitch) this.view(this.#view.yaw, this.#view.pitch);
  }

  #onControl(message) {
    if (message.type === 'face') this.#emit('face', message.present);
    const asked = this.#waiting.get(message.id);
    if (asked === undefined) {
      if (message.type === 'problem' && message.about === 'session') this.#lost(message.detail); // what ends it
      else if (message.type === 'problem') this.#emit('problem', sentence(message.detail));
      return;
    }
    this.#waiting.delete(message.id);
    clearTimeout(asked.timer);
    if (message.type === 'problem') asked.reject(new MienError(message.detail));
    else asked.resolve(message);
  }

  #ask(message) {
    const id = (this.#messages += 1);
    return new Promise((resolve, reject) => {
      const text = JSON.stringify({ ...message, id });
      if (new TextEncoder().encode(text).length > MAX_MESSAGE) {
        reject(new MienError(`A ${message.type} may have ${MAX_MESSAGE} bytes; this one is longer`));
      } else if (!this.#sendText(text)) {
        reject(new MienError('Nothing can be sent at the moment; try again in a second'));
      } else {
        const late = () => {
          this.#waiting.delete(id);
          reject(new MienError('The server did not answer; try again'));
        };
        this.#waiting.set(id, { resolve, reject, timer: setTimeout(late, REPLY) });
      }
    });
  }

  #send(message) {
    return this.#sendText(JSON.stringify(message));
  }

  #sendText(text) {
    const channel = this.#control;
    if (channel?.readyState === 'open' && channel.bufferedAmount < MAX_BUFFERED) channel.send(text);
    else if (this.#socket?.open) this.#socket.send(text);
    else return false;
    return true;
  }

  // Tells the server at once, also while the page is being closed; resolves when it knows, or after a while.
  #leave() {
    const session = this.#session;
    this.#session = null;
    if (session === null) return Promise.resolve();
    const options = { method: 'DELETE', keepalive: true, headers: this.#credentials, signal: AbortSignal.timeout(ANSWER) };
    return fetch(session, options).then(() => {}, () => {});
  }

  #drop(reason) {
    const pc = this.#pc;
    const socket = this.#socket;
    this.#pc = this.#sender = this.#control = this.#socket = this.#stream = null;
    clearTimeout(this.#patience);
    this.#link?.abort(new MienError(reason));
    pc?.close();
    socket?.close();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new MienError(reason));
    }
    this.#waiting.clear();
  }

  #setTransport(transport, reason) {
    if (this.transport === transport) return;
    this.transport = transport;
    this.#emit('transport', transport, reason);
  }

  #setState(state, reason) {
    if (this.state === state && reason === undefined) return;
    this.state = state;
    this.#emit('state', state, reason);
  }

  #emit(type, detail, reason) {
    const event = new CustomEvent(type, { detail });
    event.reason = reason === undefined ? undefined : sentence(reason);
    this.dispatchEvent(event);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function final(error) {
  error.final = true;
  return error;
}

function routed(pc) {
  return ['connected', 'completed'].includes(pc.iceConnectionState);
}

// Resolves once `holds()`, looked at now and at each `event` of `target`; rejects with what `signal` is aborted for.
function until(signal, target, event, holds) {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const look = () => {
      if (!holds()) return;
      done.abort();
      resolve();
    };
    const stop = () => {
      done.abort();
      reject(signal.reason);
    };
    target.addEventListener(event, look, { signal: done.signal });
    signal.addEventListener('abort', stop, { signal: done.signal });
    if (signal.aborted) stop();
    else look();
  });
}

// Candidates so far: complete ones, or what came within GATHERING, and at least one if there is any.
async function gathered(pc, signal) {
  const complete = () => pc.iceGatheringState === 'complete';
  const some = () => complete() || pc.localDescription.sdp.includes('a=candidate:');
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.race([until(signal, pc, 'icegatheringstatechange', complete), pause(GATHERING)]);
  await Promise.race([until(signal, pc, 'icecandidate', some), pause(ROUTE)]);
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
