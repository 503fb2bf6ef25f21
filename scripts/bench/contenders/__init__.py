"""Programs that `scripts.bench.pipeline` times, one process a run: clip, background and result are their arguments.

Each imports first, then works, and prints one JSON object: frames, wall_s and cpu_s from after the imports to the end.
What runs in an environment of its own imports nothing of ours.
"""
