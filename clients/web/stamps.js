// Runs in a worker: tells under which RTP timestamp each encoded camera frame leaves, and when it was seen.
onrtctransform = ({ transformer }) => {
  const note = new TransformStream({
    transform(frame, controller) {
      const rtp = frame.getMetadata().rtpTimestamp ?? frame.timestamp;
      transformer.options.port.postMessage([rtp, performance.timeOrigin + performance.now()]);
      controller.enqueue(frame);
    },
  });
  transformer.readable.pipeThrough(note).pipeTo(transformer.writable);
};
