// Notes under which RTP timestamp each encoded camera frame leaves. When it does, the page notes itself: a worker's clock has
// another origin, and the two drift apart where the system's time is being corrected.

const READY = 2000; // ms that a worker gets to start

function stamp() {
  onrtctransform = ({ transformer }) => {
    const note = new TransformStream({
      transform(frame, controller) {
        transformer.options.port.postMessage(frame.getMetadata().rtpTimestamp ?? frame.timestamp);
        controller.enqueue(frame);
      },
    });
    transformer.readable.pipeThrough(note).pipeTo(transformer.writable);
  };
  postMessage('ready');
}

// A worker for `RTCRtpScriptTransform`, or null where there can be none: the camera's frames would wait for it for ever.
// Made from its text, because a worker's file must come from the page's own origin, which this one need not.
export function stampWorker() {
  if (typeof RTCRtpScriptTransform === 'undefined') return Promise.resolve(null);
  const url = URL.createObjectURL(new Blob([`(${stamp})()`], { type: 'text/javascript' }));
  return new Promise((resolve) => {
    let worker = null;
    const settle = (found) => {
      clearTimeout(limit);
      URL.revokeObjectURL(url);
      if (!found) worker?.terminate();
      resolve(found);
    };
    const limit = setTimeout(() => settle(null), READY);
    try {
      worker = new Worker(url);
    } catch { // a page's Content-Security-Policy may forbid it
      settle(null);
      return;
    }
    worker.onmessage = () => settle(worker);
    worker.onerror = () => settle(null);
  });
}
