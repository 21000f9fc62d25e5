"""What happens to a voice on its way to us: rooms, noise, telephones, and speakers of another size.

Everything is drawn from an injected generator. Nothing here needs a recording: rooms and noises are synthesised.
"""

from __future__ import annotations

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from .phonemes import SAMPLES_PER_ROW
from .voices import RATE, Utterance

Sound = NDArray[np.float32]  # full scale at 1.0, 16 kHz


def coloured_noise(count: int, slope_db: float, rng: np.random.Generator) -> Sound:
    """Noise of unit RMS whose spectrum falls by `slope_db` per octave (0 white, 3 pink, 6 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1.0) * RATE / count / 100.0 + 0.3)
    noise = np.fft.irfft(spectrum * 10.0 ** (-slope_db * octaves / 20.0), count)
    return np.asarray(noise / (noise.std() + 1e-9), np.float32)


def hum(count: int, rng: np.random.Generator) -> Sound:
    """Mains hum or a fan: a few harmonics of a low tone, unit RMS."""
    pitch = rng.choice([50.0, 60.0, 100.0, 120.0]) * rng.uniform(0.97, 1.03)
    time = np.arange(count) / RATE
    tone = sum(
        rng.uniform(0.1, 1.0) / number * np.sin(2 * np.pi * pitch * number * time + rng.uniform(0, 6.3))
        for number in range(1, 8)
    )
    return np.asarray(tone / (np.std(tone) + 1e-9), np.float32)


def chords(count: int, rng: np.random.Generator) -> Sound:
    """Background music: held triads of decaying harmonics, unit RMS."""
    sound = np.zeros(count)
    start = 0
    while start < count:
        length = min(count - start, int(rng.uniform(0.2, 1.2) * RATE))
        time = np.arange(length) / RATE
        root = 110.0 * 2.0 ** (rng.integers(0, 25) / 12.0)
        for interval in (0, rng.choice([3, 4]), 7):
            pitch = root * 2.0 ** (interval / 12.0)
            for number in range(1, 7):
                sound[start : start + length] += (
                    np.sin(2 * np.pi * pitch * number * time) / number**1.3 * np.exp(-time * rng.uniform(0.5, 5.0))
                )
        start += length
    return np.asarray(sound / (sound.std() + 1e-9), np.float32)


def breath(count: int, rng: np.random.Generator) -> Sound:
    """Breathing: band-limited noise that swells and fades, unit peak envelope, with rests between."""
    noise = coloured_noise(count, rng.uniform(1.0, 4.0), rng)
    envelope = np.zeros(count)
    start = int(rng.uniform(0.0, 0.3) * RATE)
    while start < count:
        length = min(count - start, int(rng.uniform(0.25, 0.9) * RATE))
        envelope[start : start + length] = np.sin(np.linspace(0, np.pi, length)) ** rng.uniform(0.5, 1.5)
        start += length + int(rng.uniform(0.2, 1.0) * RATE)
    return np.asarray(noise * envelope, np.float32)


def _reverberant(sound: Sound, rng: np.random.Generator) -> Sound:
    """In a room: a direct path and an exponentially decaying noise tail."""
    decay = rng.uniform(0.08, 0.5)  # seconds to -60 dB
    time = np.arange(int(decay * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10.0 ** (-3.0 * time / decay)
    tail[: int(0.003 * RATE)] = 0.0
    tail *= rng.uniform(0.1, 0.6) / np.sqrt((tail**2).sum() + 1e-9)
    tail[0] = 1.0
    size = 1 << (len(sound) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]
    return np.asarray(wet, np.float32)


def _equalised(sound: Sound, rng: np.random.Generator) -> Sound:
    """Another microphone: a random smooth frequency response of some +-6 dB."""
    spectrum = np.fft.rfft(sound)
    position = np.linspace(0.0, 1.0, len(spectrum)) ** 0.5
    gains_db = np.interp(position, np.linspace(0.0, 1.0, 7), rng.normal(0.0, 4.0, 7))
    return np.asarray(np.fft.irfft(spectrum * 10.0 ** (gains_db / 20.0), len(sound)), np.float32)


def _telephone(sound: Sound, rng: np.random.Generator) -> Sound:
    """Through a telephone: 8 kHz, roughly 300-3400 Hz, mu-law."""
    narrow = soxr.resample(sound, RATE, 8000)
    spectrum = np.fft.rfft(narrow)
    hertz = np.arange(len(spectrum)) * 8000.0 / len(narrow)
    spectrum *= np.clip((hertz - rng.uniform(50, 250)) / 100.0, 0.0, 1.0)
    spectrum *= np.clip((rng.uniform(3400, 3900) - hertz) / 200.0, 0.0, 1.0)
    narrow = np.clip(np.fft.irfft(spectrum, len(narrow)), -1.0, 1.0)
    companded = np.sign(narrow) * np.log1p(255.0 * np.abs(narrow)) / np.log(256.0)
    companded = np.round(companded * 127.0) / 127.0
    narrow = np.sign(companded) * (256.0 ** np.abs(companded) - 1.0) / 255.0
    wide = soxr.resample(np.asarray(narrow, np.float32), 8000, RATE)
    return np.asarray(np.resize(wide, len(sound)), np.float32)


#: Samples of 16 kHz by which G.722's filters are late; Opus says its own delay, and its decoder takes it off.
G722_DELAY = 22


def coded(sound: Sound, codec: str, bit_rate: int | None = None, rate: int = RATE) -> Sound:
    """Through a codec of FFmpeg's and back, its delay taken off.

    Args:
        sound: At `rate`.
        codec: "libopus", as LiveKit sends a voice; "g722" and "pcm_mulaw", as wideband and other telephones do.
        bit_rate: Bits per second, where the codec has a choice.
        rate: Hz; the codec has to take it.
    """
    encoder, decoder = av.CodecContext.create(codec, "w"), av.CodecContext.create(codec, "r")
    assert isinstance(encoder, av.AudioCodecContext)
    assert isinstance(decoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = rate, av.AudioFormat("s16"), av.AudioLayout("mono")
    if bit_rate is not None:
        encoder.bit_rate = bit_rate
    encoder.open()
    size = encoder.frame_size or rate // 100
    padded = np.zeros((len(sound) // size + 4) * size, np.int16)
    padded[: len(sound)] = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0)
    packets = []
    for start in range(0, len(padded), size):
        frame = av.AudioFrame.from_ndarray(padded[None, start : start + size], format="s16", layout="mono")
        frame.sample_rate = rate
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder.extradata, decoder.layout = encoder.extradata, av.AudioLayout("mono")
    decoder.sample_rate = 48_000 if codec == "libopus" else rate
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    heard = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    scale = 32768.0 if heard.dtype == np.int16 else 1.0
    wide = soxr.resample(np.asarray(heard / scale, np.float32), frames[0].sample_rate, rate)
    late = G722_DELAY if codec == "g722" else 0
    return np.asarray(wide[late : late + len(sound)], np.float32)


def resized(utterance: Utterance, factor: float) -> Utterance:
    """Played `factor` times as slowly: a longer vocal tract, a lower pitch, a slower pace."""
    slowed = soxr.resample(utterance.pcm.astype(np.float32), RATE, round(RATE * factor))
    pcm = np.clip(np.rint(slowed), -32767, 32767).astype(np.int16)
    rows = len(pcm) // SAMPLES_PER_ROW
    origin = ((np.arange(rows) + 0.5) / factor).astype(int)
    return Utterance(pcm, utterance.labels[np.minimum(origin, len(utterance.labels) - 1)])


def _noisy(sound: Sound, others: Sound, rng: np.random.Generator) -> Sound:
    """Over noise, hum, music or the murmur of other people, 5 to 45 dB below the voice."""
    kind = rng.integers(0, 6)
    if kind <= 2:
        noise = coloured_noise(len(sound), rng.choice([0.0, 0.0, 3.0, 5.0]), rng)
    elif kind == 3:
        noise = hum(len(sound), rng)
    elif kind == 4:
        noise = chords(len(sound), rng)
    else:
        murmur = sum(np.roll(np.resize(others, len(sound)), int(rng.integers(len(sound)))) for _ in range(4))
        noise = np.asarray(murmur / (np.std(murmur) + 1e-9), np.float32)
    below_db = rng.uniform(20.0, 45.0) if kind >= 4 else rng.uniform(5.0, 45.0)
    return np.asarray(sound + noise * sound.std() * 10.0 ** (-below_db / 20.0), np.float32)


def augmented(utterance: Utterance, others: Sound, rng: np.random.Generator) -> Utterance:
    """One more take of an utterance: another speaker size, another room, another microphone, another level."""
    taken = resized(utterance, rng.uniform(0.82, 1.22)) if rng.random() < 0.8 else utterance
    sound = taken.pcm.astype(np.float32) / 32768.0
    if rng.random() < 0.4:
        sound = _reverberant(sound, rng)
    if rng.random() < 0.7:
        sound = _equalised(sound, rng)
    if rng.random() < 0.6:
        sound = _noisy(sound, others, rng)
    channel = rng.random()
    if channel < 0.12:
        sound = _telephone(sound, rng)
    elif channel < 0.24:
        sound = coded(sound, "libopus", int(rng.uniform(12_000, 32_000)))
    elif channel < 0.32:
        sound = coded(sound, "g722")
    sound = sound * np.float32(10.0 ** (rng.uniform(-18.0, 4.0) / 20.0))
    return Utterance(np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16), taken.labels)


def not_speech(count: int, rng: np.random.Generator) -> Utterance:
    """`count` samples at which the mouth stays shut: noise, hum, music, breath, clicks, or nothing."""
    kind = rng.integers(0, 6)
    if kind == 0:
        sound = coloured_noise(count, rng.uniform(0.0, 6.0), rng)
        sound *= np.interp(np.arange(count), np.sort(rng.integers(0, count, 6)), rng.uniform(0.2, 1.0, 6)).astype(
            np.float32
        )
    elif kind == 1:
        sound = hum(count, rng)
    elif kind == 2:
        sound = chords(count, rng)
    elif kind == 3:
        sound = breath(count, rng)
    elif kind == 4:
        sound = np.where(rng.random(count) < 2e-4, rng.normal(0.0, 3.0, count), 0.0).astype(np.float32)
    else:
        sound = np.zeros(count, np.float32)
    sound = sound * np.float32(10.0 ** (rng.uniform(-60.0, -14.0) / 20.0))
    pcm = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
    return Utterance(pcm, np.zeros(count // SAMPLES_PER_ROW, np.int8))
