"""Lip sync, scored beside what else there is: `python -m bench.lipsync`. See docs/lipsync.md."""
