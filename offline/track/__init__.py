"""From a video to a clip: landmarks, head model, camera, matte and motion maps."""
