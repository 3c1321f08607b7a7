// Runs in a worker: notes when each camera frame was captured and under which RTP timestamp it leaves.
onrtctransform = ({ transformer }) => {
  const note = new TransformStream({
    transform(frame, controller) {
      const { rtpTimestamp, captureTime } = frame.getMetadata();
      const now = performance.timeOrigin + performance.now();
      transformer.options.port.postMessage([rtpTimestamp ?? frame.timestamp, captureTime ?? null, now]);
      controller.enqueue(frame);
    },
  });
  transformer.readable.pipeThrough(note).pipeTo(transformer.writable);
};
