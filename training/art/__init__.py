"""How the built-in characters are made: CC0 shapes, procedural looks, keyframes rendered offline.

Build tools only: nothing here is shipped or imported by the package. See README.md.
"""
