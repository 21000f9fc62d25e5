"""bitHuman's runtime as an engine keeps the protocol's promises, as far as a runtime lets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from livekit_bithuman.adapters import sdk
from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.testing import EngineConformance
from tests.stand_in import StandInRuntime


class TestModel(EngineConformance):
    """Frames come in real time, so that a few short turns have to do."""

    deterministic = False  # each picture of the stand-in carries its number
    extra_frames = 1
    examples = 3
    longest_ms = 200

    @pytest.fixture(autouse=True)
    def _model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = tmp_path / "person.imx"
        self.path.write_bytes(b"imx")
        monkeypatch.setattr(sdk, "find_runtime_class", lambda: StandInRuntime)

    def make_engine(self) -> Engine:
        return sdk.open_model(self.path, api_secret="not-a-secret")
