"""An engine that another distribution offers, asked for by its name, in a real room."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from livekit_bithuman.engine.registry import GROUP
from livekit_bithuman.testing import marker_voice

from .rooms import RATE, StageOf, Told, ViewerOf, tail

pytestmark = pytest.mark.server

EXAMPLE = Path(__file__).parents[2] / "examples" / "waveform"


@pytest.fixture
def waveform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The example's engine, as if it were installed."""
    info = tmp_path / "waveform_engine-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: waveform-engine\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nwaveform = waveform_engine:WaveformEngine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setitem(sys.modules, "waveform_engine", None)  # taken away again after the test
    monkeypatch.delitem(sys.modules, "waveform_engine")
    return "waveform"


async def test_it_speaks_through_the_whole_of_a_session(stage_of: StageOf, viewer_of: ViewerOf, waveform: str) -> None:
    async with stage_of(engine=waveform) as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: len(viewer.pictures) > 5)
        await asyncio.wait_for(stage.say(marker_voice(1, 2 * RATE, RATE), RATE), 20)
        await viewer.until(lambda: any(p.info is not None and p.info.segment is not None for p in viewer.pictures))
        assert told.finished == [(2.0, False)]
        assert stage.avatar.statistics.engine_failures == 0
        # at rest a flat line on a dark ground; a voice takes far more ink
        resting, speaking = viewer.pictures[0].mean, max(picture.mean for picture in viewer.pictures)
        print(f"mean brightness {resting:.1f} at rest, up to {speaking:.1f} with a voice")
        assert speaking > resting + 2
