"""The engine keeps every promise of the protocol."""

from waveform_engine import WaveformEngine

from livekit_bithuman.testing import EngineConformance


class TestWaveform(EngineConformance):
    def make_engine(self) -> WaveformEngine:
        return WaveformEngine((64, 48))
