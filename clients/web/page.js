// The page: the avatar, its controls and a small readout.

import { Mien } from './mien.js';

const SUGGESTIONS = [
  'smile', 'wink left', 'look surprised for 2 seconds, then smile', 'raise your brows and open your mouth', 'nod twice', 'puff your cheeks',
];
const TURN = 0.006; // radians a pixel
const STEP = 0.12; // radians a key press
const LIMIT = { yaw: 1.0, pitch: 0.6 };
const SCRIPT_LIMIT = 60_000; // characters

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? query.get('token') ?? undefined;
const avatar = query.get('avatar') ?? undefined;
const mien = new Mien($('avatar'), { token, avatar });
window.mien = mien;

// State and readout

const STATES = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', closed: 'Not connected' };

mien.addEventListener('state', ({ detail, reason }) => {
  $('state').textContent = STATES[detail];
  $('state-dot').dataset.state = detail === 'live' ? 'live' : detail === 'closed' ? 'lost' : '';
  $('veil').classList.toggle('gone', detail === 'live');
  if (detail === 'live') showExpressions();
  if (detail === 'reconnecting') $('veil').textContent = `${reason ?? 'The connection was lost.'} Trying again…`;
  if (detail === 'closed' && reason) $('veil').textContent = reason;
});

// Without a route for media the picture comes all the same, but no camera goes.
mien.addEventListener('transport', ({ detail, reason }) => {
  const blocked = detail === 'websocket';
  $('route').hidden = !blocked;
  $('use-camera').disabled = blocked;
  if (blocked) {
    $('route').textContent = `${reason} The picture comes over a websocket instead; your camera cannot drive it. `
      + `For that, let UDP through to ${location.hostname} or open this page on its network.`;
  }
});

setInterval(() => {
  const { fps, delayMs, state, source } = mien.stats();
  $('fps').textContent = state === 'live' ? Math.round(fps) : '–';
  $('delay-figure').hidden = delayMs.p50 === null && source !== 'camera';
  $('delay').textContent = delayMs.p50 === null ? '–' : Math.round(delayMs.p50);
}, 500);

mien.start().catch(() => {}); // the event "state" tells

// Which avatar: each has an address of its own, to share

function avatarLink(name) {
  const link = document.createElement('a');
  link.href = `?${new URLSearchParams({ ...Object.fromEntries(query), avatar: name })}${location.hash}`;
  if (name === mien.avatar) link.setAttribute('aria-current', 'true');
  const picture = document.createElement('img');
  picture.src = mien.thumbnail(name);
  picture.alt = '';
  link.append(picture, name);
  return link;
}

mien.addEventListener('avatars', ({ detail: avatars }) => {
  $('avatars').hidden = avatars.length < 2;
  if (avatars.length > 1) $('avatars').replaceChildren(...avatars.map(({ name }) => avatarLink(name)));
});

document.querySelector('.brand').href = `./${location.hash}`;

// Camera

function notice(text = '', tone = '') {
  $('notice').textContent = text;
  $('notice').dataset.tone = tone;
}

function showCamera(stream) {
  if (stream) mien.preview($('self'));
  else $('self').srcObject = null;
  $('self').hidden = !stream;
  $('use-camera').setAttribute('aria-pressed', String(Boolean(stream)));
  $('use-camera').querySelector('span').textContent = stream ? 'Stop my camera' : 'Use my camera';
}

$('use-camera').addEventListener('click', async () => {
  notice();
  if ($('use-camera').getAttribute('aria-pressed') === 'true') {
    mien.stopCamera();
    showCamera(null);
    return;
  }
  $('use-camera').disabled = true;
  try {
    showCamera(await mien.useCamera());
  } catch (error) {
    notice(error.message, 'bad');
  } finally {
    $('use-camera').disabled = mien.transport === 'websocket';
  }
});

mien.addEventListener('camera', ({ detail }) => {
  showCamera(null);
  notice(detail, 'bad');
});

mien.addEventListener('problem', ({ detail }) => notice(detail, 'bad'));

mien.addEventListener('face', ({ detail: present }) => {
  notice(present ? '' : 'No face in the picture; the avatar goes on by itself until you are back.');
});

// Prompts

function chip(text, onClick) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', onClick);
  return made;
}

function chips(phrases, near = false) {
  $('suggestions').replaceChildren(...phrases.map((phrase) => {
    const made = chip(phrase, () => {
      $('prompt').value = phrase;
      act(phrase);
    });
    made.classList.toggle('near', near);
    return made;
  }));
}

async function act(text) {
  notice();
  press(null);
  try {
    const { unknown } = await mien.prompt(text);
    const nearest = [...new Set(unknown.flatMap((u) => u.nearest))].slice(0, 6);
    if (unknown.length) notice(`Not understood: “${unknown.map((u) => u.text).join('”, “')}”.${nearest.length ? ' Did you mean one of these?' : ''}`);
    chips(nearest.length ? nearest : SUGGESTIONS, nearest.length > 0);
  } catch (error) {
    notice(error.message, 'bad');
  }
}

$('prompt-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('prompt').value.trim();
  if (text) act(text);
});
chips(SUGGESTIONS);

// The avatar's own expressions; the button of the one that plays is pressed.

let playing = null;
let playingEnd = null;

function press(button) {
  clearTimeout(playingEnd);
  playing?.setAttribute('aria-pressed', 'false');
  button?.setAttribute('aria-pressed', 'true');
  playing = button;
}

async function playOwn(name, button) {
  notice();
  try {
    const { seconds } = await mien.play(name);
    press(button);
    playingEnd = setTimeout(() => press(null), seconds * 1000);
  } catch (error) {
    notice(error.message, 'bad');
  }
}

function showExpressions() {
  $('own').hidden = mien.expressions.length === 0;
  $('expressions').replaceChildren(...mien.expressions.map(({ name, prompt }) => {
    const button = chip(name, () => playOwn(name, button));
    button.title = prompt;
    button.setAttribute('aria-pressed', 'false');
    return button;
  }));
}

// Scripts

let scriptEnd = null;

async function play(file) {
  if (!file) return;
  notice();
  try {
    if (file.size > SCRIPT_LIMIT) throw new Error('This file is too long for a script.');
    const { seconds } = await mien.script(await file.text());
    $('script-name').textContent = `${file.name}, ${seconds.toFixed(1)} s`;
    $('stop').hidden = false;
    clearTimeout(scriptEnd);
    scriptEnd = setTimeout(() => { $('stop').hidden = true; }, seconds * 1000);
  } catch (error) {
    notice(error.message, 'bad');
  }
}

$('pick-script').addEventListener('click', () => $('script').click());
$('script').addEventListener('change', () => {
  play($('script').files[0]);
  $('script').value = '';
});
$('stop').addEventListener('click', () => {
  mien.stop().catch((error) => notice(error.message, 'bad'));
  press(null);
  $('stop').hidden = true;
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) document.body.classList.remove('dropping');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  play(event.dataTransfer.files[0]);
});

// Viewing angle

const view = { yaw: 0, pitch: 0 };
let grip = null;
let sending = false;

function turn(yaw, pitch) {
  view.yaw = Math.max(-LIMIT.yaw, Math.min(LIMIT.yaw, yaw));
  view.pitch = Math.max(-LIMIT.pitch, Math.min(LIMIT.pitch, pitch));
  $('hint').classList.add('gone');
  if (sending) return;
  sending = true;
  requestAnimationFrame(() => {
    sending = false;
    mien.view(view.yaw, view.pitch);
  });
}

const stage = $('avatar');
stage.addEventListener('pointerdown', (event) => {
  grip = { x: event.clientX, y: event.clientY, ...view };
  stage.setPointerCapture(event.pointerId);
  stage.classList.add('turning');
});
stage.addEventListener('pointermove', (event) => {
  if (grip) turn(grip.yaw - (event.clientX - grip.x) * TURN, grip.pitch + (event.clientY - grip.y) * TURN);
});
for (const end of ['pointerup', 'pointercancel']) {
  stage.addEventListener(end, () => {
    grip = null;
    stage.classList.remove('turning');
  });
}
stage.addEventListener('dblclick', () => turn(0, 0));
stage.addEventListener('keydown', (event) => {
  const moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  if (event.key === 'Home') turn(0, 0);
  else if (moves[event.key]) turn(view.yaw + moves[event.key][0], view.pitch + moves[event.key][1]);
  else return;
  event.preventDefault();
});
