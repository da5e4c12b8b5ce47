"""Measure segmentation on recordings of speech, which anybody can make.

``python -m benchmarks.speech`` needs the program ``espeak-ng`` (Debian's package of
that name), which says words in many voices. A recording is one voice saying words, each
some times: the words are its actions, and where they begin is known. Frames are 40 log
mel energies of 40 ms, 50 a second; or 13 cepstra of them, or 256 features of a random
network, or every other energy beside random walks, all with noise. Kinds of
collections: the same words in one order ("once"), some left out or swapped ("skip"),
some said again later ("back"), a silence after each ("rest"); any order ("any"), some
twice ("twice"), and three to five words said 20 to 50 times in any order ("recur").

Whether videos share an order, and how near neighbours in time are, was decided on other
such collections among many sets; that clusters of unwhitened frames have to last was
decided on these, the first sixteen of each kind.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from functools import partial

import numpy as np
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d
from scipy.signal import stft

from benchmarks.kinds import print_scores

KINDS = ("once", "skip", "back", "rest", "any", "twice", "recur")
FEATURES = ("mel", "cepstra", "network", "noisy")
WORDS = (
    *("measure", "drill", "hammer", "polish", "cutting", "wood", "paper"),
    *("button", "seven", "lemon", "window", "orange", "yellow", "finish"),
)
DIALECTS = ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-029")
# Those of no breath, whose noise would differ from run to run.
VARIANTS = (
    *("f1", "f4", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    *("klatt", "klatt2", "klatt3", "klatt4"),
    *("grandpa", "grandma", "linda", "steph2", "quincy"),
)
# Times that a voice says each word.
N_TAKES = 4
# Energies of a filter bank on the mel scale, and the rates of sound and of frames.
N_MEL, SOUND_RATE, FRAME_RATE = 40, 16_000, 50


def main():
    print_scores("speech", __doc__, KINDS, lambda: partial(collect, say_words()))


def say_words():
    """Return frames of the takes of each word, by voice: a list of lists of arrays."""
    if shutil.which("espeak-ng") is None:
        raise ImportError("espeak-ng is not on the PATH; install it")
    rng = np.random.RandomState(0)
    takes = []
    for number, variant in enumerate(np.repeat(VARIANTS, 2)):
        voice = f"{DIALECTS[number % len(DIALECTS)]}+{variant}"
        speed, pitch = rng.randint(110, 190), rng.randint(30, 70)
        said = []
        for word in WORDS:
            speeds = (speed * rng.uniform(0.85, 1.15, N_TAKES)).astype(int)
            pitches = np.clip(pitch + rng.randint(-8, 9, N_TAKES), 5, 95)
            pairs = zip(speeds, pitches, strict=True)
            said.append([_energies(_say(voice, word, *pair)) for pair in pairs])
        takes.append(said)
    return takes


def _say(voice, word, speed, pitch):
    """Return the sound of a word, without the silence around it."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch)]
    done = subprocess.run([*command, "--stdout", word], capture_output=True, check=True)
    # The header of a stream says too many samples.
    with wave.open(io.BytesIO(done.stdout)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    sound = samples[loud[0] : loud[-1] + 1] / np.abs(samples).max()
    times = np.arange(0, len(sound), rate / SOUND_RATE)
    return np.interp(times, np.arange(len(sound)), sound)


def _energies(sound):
    """Return the logarithms of the energies of a sound, (n_frames, 40)."""
    hop = SOUND_RATE // FRAME_RATE
    frequencies, _, spectrum = stft(
        np.append(sound[0], sound[1:] - 0.97 * sound[:-1]),
        SOUND_RATE,
        nperseg=2 * hop,
        noverlap=hop,
        nfft=1024,
    )
    mel = np.linspace(*2595 * np.log10(1 + np.array([60, 7600]) / 700), N_MEL + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (
        (frequencies - low) / (middle - low),
        (high - frequencies) / (high - middle),
    )
    bank = np.minimum(rising, falling).clip(0)
    power = SOUND_RATE * np.abs(spectrum) ** 2
    return np.log(bank @ power + 1e-4).T


def collect(takes, kind, seed):
    """Make a collection: videos, labels and the number of actions.

    Parameters
    ----------
    takes : list of list of list of ndarray
        What `say_words` returns.
    kind : str
        Of `KINDS`.
    seed : int
        Of the collection; in turn, it takes each of `FEATURES`.
    """
    rng = np.random.RandomState(1000 * KINDS.index(kind) + seed)
    n_videos = rng.choice([4, 6, 10, 20])
    n_words = rng.randint(3, 6) if kind == "recur" else rng.randint(4, 11)
    words = rng.permutation(len(WORDS))[:n_words]
    most = rng.choice([2, 4, 7])
    times = rng.uniform(1, most, n_words)
    order = _with_returns(rng, n_words) if kind == "back" else list(range(n_words))
    network = rng.standard_normal((N_MEL, 128)) / 6, rng.standard_normal((128, 256)) / 8
    videos, labels = [], []
    for voice in rng.permutation(len(takes))[:n_videos]:
        said = [takes[voice][word] for word in words]
        frames, found = [], []
        for action in _order_of(kind, order, rng):
            again = times[action] * np.exp(0.25 * rng.standard_normal())
            for _ in range(1 if kind == "recur" else max(1, round(again))):
                take = said[action][rng.randint(N_TAKES)]
                frames += [take, _silence(said, rng.randint(6))]
                found += [action] * (len(take) + len(frames[-1]))
            if kind == "rest":
                frames.append(_silence(said, rng.randint(5, 40)))
                found += [n_words] * len(frames[-1])
        x = np.concatenate(frames)
        x = x + 0.2 * rng.standard_normal(x.shape)
        videos.append(_featured(x, FEATURES[seed % len(FEATURES)], network, rng))
        labels.append(np.array(found))
    known, codes = np.unique(np.concatenate(labels), return_inverse=True)
    ends = np.cumsum([len(video) for video in videos])[:-1]
    return videos, np.split(codes, ends), len(known)


def _with_returns(rng, n_words):
    order = list(range(n_words))
    for _ in range(rng.randint(1, n_words)):
        at = rng.randint(1, len(order) + 1)
        others = [k for k in range(n_words) if k not in order[at - 1 : at + 1]]
        order.insert(at, int(rng.choice(others)))
    return order


def _order_of(kind, order, rng):
    """Return the actions of one recording; none follows itself."""
    n_words = max(order) + 1
    if kind == "skip":
        order = [k for k in order if rng.uniform() > 0.15] or order[:1]
        if len(order) > 2 and rng.uniform() < 0.3:
            at = rng.randint(len(order) - 1)
            order[at], order[at + 1] = order[at + 1], order[at]
    elif kind in ("any", "twice"):
        order = rng.permutation(n_words).tolist()
        if kind == "twice":
            order += rng.permutation(n_words)[: n_words // 2].tolist()
    elif kind == "recur":
        order = rng.randint(n_words, size=rng.randint(20, 50)).tolist()
    changes = [a != b for a, b in zip(order, order[1:], strict=False)]
    return [k for k, is_new in zip(order, [True, *changes], strict=True) if is_new]


def _silence(said, n_frames):
    quiet = min((take.min(axis=0) for take in said[0]), key=lambda frame: frame.sum())
    return np.repeat(quiet[None], n_frames, axis=0)


def _featured(frames, name, network, rng):
    if name == "cepstra":
        frames = dct(frames, axis=1, norm="ortho")[:, :13]
    elif name == "network":
        for weights in network:
            frames = np.maximum(0, frames @ weights / 2 + 0.1)
    elif name == "noisy":
        walks = rng.standard_normal((len(frames), 10)).cumsum(axis=0)
        walks = gaussian_filter1d(3 * walks / np.sqrt(len(frames)), 2, axis=0)
        frames = np.hstack([frames[:, ::2], walks])
        frames = frames + 1.5 * rng.standard_normal(frames.shape)
    return frames.astype(np.float32)


if __name__ == "__main__":
    main()
