"""Beats: brows and head follow a stressed word of real speech, with variety, and never jump."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.compose import Demeanour
from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn, TurnFrame
from livekit_bithuman.face.beats import emphasised
from livekit_bithuman.face.idle import IdleMotion
from livekit_bithuman.playout import Presenter
from livekit_bithuman.pose import Presentation
from livekit_bithuman.render.sound import SoundFile, mono_pcm
from livekit_bithuman.testing import StillMotion

FPS = 25
SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"


def speech(loud: slice | None = None) -> tuple[NDArray[np.int16], int]:
    """Real speech, 4.3 s; all but `loud`, in frames, is 12 dB softer."""
    with SoundFile(SPEECH) as file:
        pcm, rate = np.concatenate([mono_pcm(sound) for sound in file.blocks()]), file.rate
    if loud is not None:
        gain = np.full(len(pcm), 0.25)
        gain[loud.start * rate // FPS : loud.stop * rate // FPS] = 1.0
        pcm = (pcm * gain).astype(np.int16)
    return pcm, rate


def frames(pcm: NDArray[np.int16], rate: int) -> list[TurnFrame]:
    engine = EmbeddedEngine()
    engine.open_turn(Turn(0, rate))
    engine.push(pcm)
    engine.end_turn()
    return engine.poll()


def moved(turn: list[TurnFrame], seed: int) -> NDArray[np.float64]:
    """How far beats take brows and head from the face's own motion, per frame: shape (n, 2)."""
    demeanour = Demeanour(seed, FPS)
    pairs = [(demeanour.speaking(frame.index, frame.emphasis), demeanour.speaking(frame.index)) for frame in turn]
    return np.array([(beat.brow - own.brow, beat.pitch - own.pitch) for beat, own in pairs])


def test_brows_and_head_move_with_the_loud_word() -> None:
    word = slice(35, 43)
    turn = frames(*speech(word))
    beats = np.mean([moved(turn, seed) for seed in range(30)], axis=0)
    at_word, elsewhere = beats[33:47].max(axis=0), beats[18:30].max(axis=0)
    assert (at_word > 4 * elsewhere).all()
    assert at_word[0] > 0.2
    assert at_word[1] > 0.02


def test_no_two_stresses_look_the_same_and_some_are_passed_over() -> None:
    brows = np.array([emphasised(Presentation(), 1.0, 7, second).brow for second in np.arange(0, 120, 0.7)])
    assert (brows == 0).mean() > 0.02
    assert (brows > 0.5).mean() > 0.1
    assert brows.std() > 0.1


def test_without_a_stress_a_face_moves_as_it_does_by_itself() -> None:
    silence = frames(np.zeros(2 * 24_000, np.int16), 24_000)
    demeanour = Demeanour(5, FPS)
    assert all(demeanour.speaking(f.index, f.emphasis) == demeanour.speaking(f.index) for f in silence)
    face = Presentation(brow=0.2)
    assert emphasised(face, 0.0, 1, 3.0) is face


def test_a_presenter_follows_and_a_cut_ends_a_beat_softly() -> None:
    turn = frames(*speech())
    peak = max(turn, key=lambda frame: frame.emphasis).index
    for seed in range(8):
        presenter = Presenter(StillMotion(), FPS, seed)
        said = [presenter.present(tick, turn[tick], 0) for tick in range(peak + 1)]
        demeanour = [emphasised(Presentation(), turn[tick].emphasis, seed, tick / FPS) for tick in range(peak + 1)]
        assert [p.brow for p in said] == [p.brow for p in demeanour]
        presenter.cut()
        after = [presenter.present(tick, None, None) for tick in range(peak + 1, peak + 12)]
        brows = np.array([p.brow for p in said + after])
        pitches = np.array([p.pitch for p in said + after])
        assert np.abs(np.diff(brows)).max() < 0.25
        assert np.abs(np.diff(pitches)).max() < 0.025
        assert after[-1].brow == after[-1].pitch == 0.0


def test_a_presenter_at_rest_has_the_idle_motion_exactly() -> None:
    motion = IdleMotion(3, FPS)
    presenter = Presenter(motion, FPS, 3)
    assert [presenter.present(t, None, None) for t in range(50)] == [motion.at(t) for t in range(50)]
