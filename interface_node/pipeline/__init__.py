"""From a video or a picture to its outputs: source, segmenter and compositor, sink."""
