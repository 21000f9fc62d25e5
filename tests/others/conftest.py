"""Tests with other people's programs, which run in an environment of their own: `make test-others`."""

from __future__ import annotations

import importlib
import warnings
from importlib.util import find_spec

from tests.conftest import REQUIRED

#: Elsewhere these packages are not installed; where the run requires them, their absence is an error.
collect_ignore = []

if "others" in REQUIRED or find_spec("pipecat_bithuman"):
    with warnings.catch_warnings():
        # what they warn of while they are imported is not ours to mend
        warnings.simplefilter("ignore")
        importlib.import_module("pipecat_bithuman")
        importlib.import_module("livekit.plugins.bithuman")
else:
    collect_ignore += ["test_official.py", "test_pipecat.py"]
