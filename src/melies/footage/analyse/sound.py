"""What is heard in a shot: speech, music, other sound or silence, and how loud it is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage.label import Facet, Label
from melies.footage.listen import RATE, Samples
from melies.footage.material import Material
from melies.matting.scale import cv

FACETS = (
    Facet("sound", "many", "what is heard", ("speech", "music", "noise", "silence")),
    Facet("loudness", "number", "how loud it is, all channels as one", unit="LUFS"),
)

_SILENT = -60.0
"""Loudness, in LUFS, below which a moment counts as silent."""
_PIECE = 30 * RATE
"""Samples that are looked at in one go."""
_LEAST = RATE // 2
"""Samples below which nothing is said but whether it is silent."""


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    samples = material.sound
    if samples is None or len(samples) < RATE // 10:
        return []
    moments = loudness(samples)
    quiet = float((moments < _SILENT).mean())
    if quiet > 0.95:
        return [Label("sound", "silence", quiet, f"{quiet:.0%} of it is below {_SILENT:.0f} LUFS", {"share": quiet})]
    whole = integrated(moments)
    labels = [Label("loudness", round(whole, 1), 0.9, f"{whole:.1f} LUFS", {"lufs": whole})]
    return labels + (_heard(samples, quiet) if len(samples) >= _LEAST else [])


def _heard(samples: Samples, quiet: float) -> list[Label]:
    spoken = speech(samples)
    aloud = spoken[spoken > 0.5]
    said, sure = len(aloud) / len(spoken), float(aloud.mean()) if len(aloud) else 0.0
    notes = tones(samples)
    labels = []
    if said > 0.08 and sure > 0.7:
        labels.append(Label("sound", "speech", sure, f"somebody speaks in {said:.0%} of it", {"share": said}))
    # Held vowels are tones too, so music under speech has to show in more of the sound.
    least = 0.25 + 0.1 * min(1.0, 2 * said)
    if notes > least:
        sure = min(0.95, 0.5 + (notes - least) / 0.5)
        labels.append(Label("sound", "music", sure, f"{notes:.0%} of its energy is in steady tones", {"tones": notes}))
    if not labels:
        sure = min(0.9, 0.5 + (least - notes))
        why = f"neither speech nor steady tones ({notes:.0%}) above {_SILENT:.0f} LUFS"
        labels.append(Label("sound", "noise", sure, why, {"tones": notes}))
    if quiet > 0.5:
        labels.append(Label("sound", "silence", quiet, f"{quiet:.0%} of it is below {_SILENT:.0f} LUFS"))
    return labels


def speech(samples: Samples) -> Samples:
    """Return how likely somebody speaks in each 32 ms, 0…1 (Silero VAD).

    Args:
        samples: `N` at 16 kHz.
    """
    from melies import models

    session = models.load("silero-vad")
    state = {"h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}
    chunks = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
    # Every chunk is given with the end of the one before it.
    before = np.vstack([np.zeros((1, 64), np.float32), chunks[:-1, -64:]])
    given = np.hstack([before, chunks])
    found = []
    for first in range(0, len(given), 4096):
        made = session.run({"input": given[first : first + 4096], **state})
        found.append(made["speech_probs"].reshape(-1))
        state = {"h": made["hn"], "c": made["cn"]}
    return np.concatenate(found)


def tones(samples: Samples) -> float:
    """Return the share of the energy between 100 and 5000 Hz in tones that last 400 ms, 0…1.

    Args:
        samples: `N` at 16 kHz.
    """
    shares = [_tones(samples[first : first + _PIECE]) for first in range(0, len(samples), _PIECE)]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else 0.0


def _tones(samples: Samples) -> float | None:
    size, hop, lasting = 2048, 512, 8
    if len(samples) < size + lasting * hop:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop] * np.hanning(size).astype(np.float32)
    low, high = 100 * size // RATE, 5000 * size // RATE
    power = np.square(np.abs(np.fft.rfft(windows)[:, low:high])).astype(np.float32)
    level = 10 * np.log10(power + np.float32(1e-9))
    # A peak stands out from the spectrum around it; a tone is a peak that stays where it is.
    peak = (level > cv.blur(level, (41, 1)) + 9) & (level >= cv.dilate(level, np.ones((1, 3), np.uint8)))
    near = cv.dilate(peak.view(np.uint8), np.ones((1, 3), np.uint8))
    began = cv.erode(near, np.ones((lasting, 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    steady = cv.dilate(began, np.ones((lasting, 1), np.uint8), anchor=(0, lasting - 1 - lasting // 2))
    energy = power.sum(1)
    heard = energy > 1e-4 * energy.max()
    if not heard.any() or energy.max() <= 0:
        return None
    share: NDArray[np.float32] = (power * steady).sum(1)[heard] / energy[heard]
    return float(share.mean())


def loudness(samples: Samples) -> NDArray[np.float64]:
    """Return the loudness of every 400 ms, a quarter of them apart, in LUFS (ITU-R BS.1770-4, one channel).

    Args:
        samples: `N` at 16 kHz; nothing above 8 kHz is heard.
    """
    size = min(len(samples), 2 * RATE // 5)
    weight = _k_weight(np.linspace(0, RATE / 2, size // 2 + 1, dtype=np.float64))
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[:: max(1, size // 4)]
    power = np.empty(len(windows))
    for first in range(0, len(windows), 256):
        spectra = np.square(np.abs(np.fft.rfft(windows[first : first + 256])))
        # Parseval: all but the two ends of the spectrum stand for two frequencies.
        power[first : first + 256] = (spectra @ weight) * 2 / size**2
    levels: NDArray[np.float64] = -0.691 + 10 * np.log10(power + 1e-12)
    return levels


def integrated(moments: NDArray[np.float64]) -> float:
    """Return the loudness of the whole from that of its moments, gated as BS.1770-4 says."""
    heard = moments[moments > -70]
    if not len(heard):
        return -70.0
    relative = _mean(heard) - 10
    return _mean(heard[heard > relative])


def _mean(levels: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def _k_weight(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """The power response of BS.1770's two filters, which are given for 48 kHz."""
    z = np.exp(-2j * np.pi * frequency / 48000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    cut = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    response: NDArray[np.float64] = np.square(np.abs(shelf * cut))
    return response
