"""What the way to us does to a voice: a telephone, a low-rate codec, noise. None of it moves the sound in time."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.speech.resample import StreamResampler

from .clips import RATE, Pcm

Condition = Callable[[Pcm], Pcm]

TELEPHONE_RATE = 8000
PASS_BAND = (300.0, 3400.0)  # Hz, ITU-T G.712's telephone channel
BAND_EDGE = 100.0  # Hz over which the band's gain falls to nothing
OPUS_BIT_RATE = 16_000
OPUS_RATE = 48_000  # Hz at which Opus decodes, whatever it was given
NOISE_SEED = 20_261_124


def telephone(pcm: Pcm) -> Pcm:
    """Through a telephone: 8 kHz, 300 to 3400 Hz, mu-law."""
    narrow = _in_band(resampled(pcm, RATE, TELEPHONE_RATE))
    return resampled(_through_codec(narrow, "pcm_mulaw", "wav", TELEPHONE_RATE), TELEPHONE_RATE, RATE)[: len(pcm)]


def opus(pcm: Pcm, bit_rate: int = OPUS_BIT_RATE) -> Pcm:
    """Through Opus' speech mode. The file says how much the codec delays, and the decoder takes it off."""
    coded = _through_codec(pcm, "libopus", "ogg", RATE, bit_rate, {"application": "voip", "vbr": "constrained"})
    return _fitted(resampled(coded, OPUS_RATE, RATE), len(pcm))


def noisy(pcm: Pcm, snr_db: float = 10.0) -> Pcm:
    """Over white noise that many dB below the recording's mean power."""
    sound = pcm.astype(np.float64)
    noise = np.random.default_rng(NOISE_SEED).standard_normal(len(pcm))
    level = np.sqrt((sound**2).mean()) * 10.0 ** (-snr_db / 20.0)
    return _int16(sound + noise * level)


def clean(pcm: Pcm) -> Pcm:
    """As it is."""
    return pcm


CONDITIONS: dict[str, Condition] = {
    "clean": clean,
    "telephone band": telephone,
    "Opus 16 kbit/s": opus,
    "white noise, 10 dB": noisy,
}


def resampled(pcm: Pcm, in_rate: int, out_rate: int) -> Pcm:
    """At another rate; sample k of either is at the same moment."""
    resampler = StreamResampler(in_rate, out_rate)
    return np.concatenate([resampler.push(pcm), resampler.finish()])


def _in_band(pcm: Pcm) -> Pcm:
    spectrum = np.fft.rfft(pcm)
    hertz = np.arange(len(spectrum)) * TELEPHONE_RATE / max(1, len(pcm))
    low, high = PASS_BAND
    gain = np.clip((hertz - low) / BAND_EDGE + 1.0, 0.0, 1.0) * np.clip((high - hertz) / BAND_EDGE + 1.0, 0.0, 1.0)
    return _int16(np.fft.irfft(spectrum * gain, len(pcm)))


def _through_codec(
    pcm: Pcm, codec: str, container: str, rate: int, bit_rate: int | None = None, options: dict[str, str] | None = None
) -> Pcm:
    """Encoded into a file in memory, and decoded at the decoder's own rate."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono", options=options or {})
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate = rate
        output.mux([*stream.encode(frame), *stream.encode(None)])
    file.seek(0)
    with av.open(file) as source:
        to_int16 = av.AudioResampler(format="s16", layout="mono")
        frames = [*source.decode(audio=0), None]
        parts = [part.to_ndarray().reshape(-1) for frame in frames for part in to_int16.resample(frame)]
    return np.concatenate(parts)


def _fitted(pcm: Pcm, count: int) -> Pcm:
    """Cut off, or filled up with silence, to a length."""
    return np.concatenate([pcm[:count], np.zeros(max(0, count - len(pcm)), np.int16)])


def _int16(sound: NDArray[np.floating]) -> Pcm:
    return np.asarray(np.rint(np.clip(sound, -32768, 32767)), np.int16)
