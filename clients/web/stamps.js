// Runs in a worker: tells the page under which RTP timestamp each encoded camera frame leaves. When, the page notes itself:
// a worker's clock has another origin, and the two drift apart where the system's time is being corrected.
onrtctransform = ({ transformer }) => {
  const note = new TransformStream({
    transform(frame, controller) {
      transformer.options.port.postMessage(frame.getMetadata().rtpTimestamp ?? frame.timestamp);
      controller.enqueue(frame);
    },
  });
  transformer.readable.pipeThrough(note).pipeTo(transformer.writable);
};
