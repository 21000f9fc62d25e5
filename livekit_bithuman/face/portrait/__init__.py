"""Any portrait talks: a picture of a face becomes an ordinary avatar bundle.

    bytes ── picture ── landmarks ── crop ──┬── mouth   the performer's poses on this face
                                            ├── eyes    lids that close, irises that move
                                            └── head    depth, and what moves with it

The same bytes give the same bundle.
"""

from .build import make_portrait

__all__ = ["make_portrait"]
