"""How the kept traces were made: `python -m tests.data.make_traces`. One of a real session is as good."""

from __future__ import annotations

from pathlib import Path

import soundfile as sf

from livekit_bithuman.engine.embedded import EmbeddedEngine
from tests.unit.playout.sim import RATE
from tests.unit.trace.recorded import Recorded
from tests.unit.trace.test_trace import converse

HERE = Path(__file__).parent


def main() -> None:
    """Write both."""
    plain = Recorded()
    converse(plain)
    (HERE / "traces" / "interrupted-paused-swapped.jsonl").write_text(plain.text)

    spoken = Recorded(EmbeddedEngine(size=(128, 128)), samples=True)
    samples, _ = sf.read(HERE / "speech.wav", dtype="int16", frames=RATE)
    spoken.sim.capture(samples[: RATE // 2])
    spoken.sim.run(0.7)  # the voice runs dry
    spoken.sim.capture(samples[RATE // 2 :])
    spoken.sim.flush()
    spoken.sim.run(0.8)
    (HERE / "traces" / "spoken-with-an-underrun.jsonl").write_text(spoken.text)


if __name__ == "__main__":
    main()
