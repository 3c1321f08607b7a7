// Pictures over the frame websocket (`/{avatar}/frames`), for where no media gets through: each a JPEG behind a header of
// 32 bytes (runtime/contract/wire.py). Messages go both ways beside them, as over the data channel.

const SUBPROTOCOL = 'mien.frames.v1';
const MAGIC = 0x4e45494d; // "MIEN", little-endian
const HEADER = 32;
const SEQUENCE = 8; // offset in the header
const MAX_BUFFERED = 256 * 1024; // bytes that wait to be sent

export class FrameSocket {
  #socket; #canvas = document.createElement('canvas'); #newest = null; #drawing = false;

  // `onmessage` gets each message, parsed; `onclose` one sentence, once, where it ends by itself.
  constructor(url, { onopen, onmessage, onclose }) {
    this.stream = null; // a MediaStream of the pictures, once the first is there
    this.onpicture = null; // called once for each picture that is drawn
    const socket = (this.#socket = new WebSocket(url, SUBPROTOCOL));
    socket.binaryType = 'arraybuffer';
    socket.onopen = onopen;
    socket.onmessage = ({ data }) => (typeof data === 'string' ? onmessage(JSON.parse(data)) : this.#take(data));
    socket.onclose = ({ reason }) => onclose(reason);
  }

  get open() {
    return this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount < MAX_BUFFERED;
  }

  send(text) {
    this.#socket.send(text);
  }

  close() {
    this.onpicture = this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.stream?.getTracks().forEach((track) => track.stop());
  }

  // Keeps the newest picture only; the server sends no more than four ahead of what was acknowledged.
  async #take(data) {
    this.#newest = data;
    if (this.#drawing) return;
    this.#drawing = true;
    while (this.#newest !== null) {
      const next = this.#newest;
      this.#newest = null;
      await this.#draw(next);
    }
    this.#drawing = false;
  }

  async #draw(data) {
    const header = new DataView(data);
    if (data.byteLength < HEADER || header.getUint32(0, true) !== MAGIC) return;
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, HEADER)], { type: 'image/jpeg' })).catch(() => null);
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.send(JSON.stringify({ ack: header.getUint32(SEQUENCE, true) }));
    if (picture === null) return;
    const canvas = this.#canvas;
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      [canvas.width, canvas.height] = [picture.width, picture.height];
    }
    canvas.getContext('2d').drawImage(picture, 0, 0);
    picture.close();
    this.stream ??= canvas.captureStream();
    this.onpicture?.();
  }
}
