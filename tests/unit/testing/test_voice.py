"""Stretches of the marker voice are found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.testing import VoiceLocator, marker_voice

RATE = 24_000
STRETCH = round(0.060 * RATE)


def test_a_stretch_is_found_in_its_voice() -> None:
    voices = {name: marker_voice(name, RATE, RATE) for name in (1, 2)}
    locator = VoiceLocator(voices)
    for name, start in ((1, 0), (2, 7_777), (1, RATE - STRETCH)):
        place = locator.locate(voices[name][start : start + STRETCH])
        assert place is not None
        assert place[:2] == (name, start)
        assert place[2] == pytest.approx(1.0, abs=1e-3)


def test_the_last_milliseconds_of_a_cut_voice_are_not_found_elsewhere() -> None:
    voice = marker_voice(1, 5 * RATE, RATE)
    locator = VoiceLocator({1: voice})
    for cut in range(RATE, 4 * RATE, 9_973):
        for left in (60, 100, 150, 240):
            stretch = np.concatenate([voice[cut - left : cut], np.zeros(STRETCH - left, np.int16)])
            place = locator.locate(stretch)
            assert place is None or abs(place[1] - (cut - left)) <= 2
