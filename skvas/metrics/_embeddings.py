"""Scores of embeddings for alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.svm import SVC

from skvas._printing import shorten
from skvas._typing import Labels, Videos
from skvas.exceptions import InvalidParameterError
from skvas.metrics._compare import (
    Codes,
    encode,
    over_power_of_two,
    refuse_other_kind,
)
from skvas.validation import (
    check_choice,
    check_integer,
    check_labels,
    check_random_state,
    check_real,
    check_videos,
    respell,
)

# Entries of a block of distances: 32 MB in float64.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class PhaseClassification:
    """Accuracies of a phase classifier under two protocols.

    Parameters
    ----------
    held_out : float
        Accuracy on the test videos of a classifier fitted on the training videos.
    same_videos : float
        Accuracy on all test videos of a classifier fitted on test videos, as in the
        published code. It is comparable with published numbers, but does not measure
        generalisation: the classifier is scored on the videos that it was fitted on.
        Of a share of the videos, the published code takes the first, not random ones.
        NaN where the test videos drawn for fitting have a single phase.
    fraction : float
        Share of the videos used to fit each classifier.
    classifier : str
        Description of the classifier.

    Examples
    --------
    >>> from skvas.metrics import PhaseClassification
    >>> PhaseClassification(0.9, 0.99, 1.0, "SVC, RBF kernel, C = 1").held_out
    0.9
    """

    held_out: float
    same_videos: float
    fraction: float
    classifier: str


def phase_classification(
    train_embeddings: Videos,
    train_labels: Labels,
    test_embeddings: Videos,
    test_labels: Labels,
    *,
    fraction: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> PhaseClassification:
    """Classify the phase of a frame from its embedding with a support vector machine.

    Parameters
    ----------
    train_embeddings : arrays of shape (n_frames_i, D)
        Frozen embeddings to fit on, one array a video.
    train_labels : array-like of shape (n_frames_i,), one a video
        Phase of each of their frames.
    test_embeddings : arrays of shape (n_frames_i, D)
        Frozen embeddings to score on.
    test_labels : array-like of shape (n_frames_i,), one a video
        Phase of each of their frames.
    fraction : float, default=1.0
        Share of the labelled videos to fit on, in (0, 1]; rounded down to whole videos,
        at least one, as in the published code. The literature uses 0.1, 0.5 and 1.
    random_state : int, RandomState instance or None, default=None
        Draws the videos to fit on.

    Returns
    -------
    PhaseClassification
        Accuracy on the test frames, held out and under the published code's protocol.

    Raises
    ------
    ValueError
        If the training videos drawn for fitting have a single phase.

    References
    ----------
    .. [1] D. Dwibedi et al., "Temporal cycle-consistency learning", CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import phase_classification
    >>> embeddings, labels = [np.arange(8.0)[:, None]] * 2, [[0] * 4 + [1] * 4] * 2
    >>> phase_classification(embeddings, labels, embeddings, labels).held_out
    1.0
    """
    fraction = check_real("fraction", fraction, low=0, low_open=True, high=1)
    rng = check_random_state(random_state)
    train, test, phases_train, phases_test = _check_split(
        train_embeddings, train_labels, test_embeddings, test_labels
    )[:4]
    held_out = _svm_accuracy(train, phases_train, test, phases_test, fraction, rng)
    if np.isnan(held_out):
        raise ValueError(
            "The training videos drawn for fitting have a single phase; raise "
            "fraction, or give videos of several phases."
        )
    return PhaseClassification(
        held_out=held_out,
        same_videos=_svm_accuracy(test, phases_test, test, phases_test, fraction, rng),
        fraction=fraction,
        classifier="SVC, RBF kernel, C = 1",
    )


def phase_progression(
    train_embeddings: Videos,
    train_labels: Labels,
    test_embeddings: Videos,
    test_labels: Labels,
    *,
    last_phase: bool = True,
) -> float:
    """Predict the progress of each phase by linear regression and return R^2.

    For each phase the target at frame i is (i - last frame of the phase) / N, where N
    is the number of frames of the video. The regression of a phase uses the videos that
    have the phase. A phase counts only if it occurs in both training and test videos.

    Parameters
    ----------
    train_embeddings : arrays of shape (n_frames_i, D)
        Frozen embeddings to fit on, one array a video.
    train_labels : array-like of shape (n_frames_i,), one a video
        Phase of each of their frames.
    test_embeddings : arrays of shape (n_frames_i, D)
        Frozen embeddings to score on.
    test_labels : array-like of shape (n_frames_i,), one a video
        Phase of each of their frames.
    last_phase : bool, default=True
        Whether the phase counts that ends every video which has it. As it ends with the
        video and not with an event, the published code of [1]_ and [2]_ leaves it out:
        pass False for figures that compare with theirs.

    Returns
    -------
    float
        Mean over phases of the coefficient of determination on the test videos, of
        phases whose test videos have more than one frame.

    Raises
    ------
    ValueError
        If training and test videos have no such phase in common.

    Notes
    -----
    A video without a phase has no part in the regression of that phase. The code of
    [2]_ keeps such videos, as if the phase had ended one frame before they start.

    References
    ----------
    .. [1] D. Dwibedi et al., "Temporal cycle-consistency learning", CVPR 2019.
    .. [2] https://github.com/trquhuytin/VAOT-ICCV25, the code of *Joint Self-Supervised
       Video Alignment and Action Segmentation*, ICCV 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import phase_progression
    >>> embeddings, labels = [np.arange(8.0)[:, None]] * 2, [[0] * 4 + [1] * 4] * 2
    >>> round(phase_progression(embeddings, labels, embeddings, labels), 6)
    1.0
    """
    check_choice("last_phase", last_phase, (True, False))
    train, test, phases_train, phases_test, n_phases = _check_split(
        train_embeddings, train_labels, test_embeddings, test_labels
    )
    events = _events(phases_train + phases_test)
    scores = []
    for phase in range(n_phases) if last_phase else events:
        fitted_on = _progress(train, phases_train, phase)
        scored_on = _progress(test, phases_test, phase)
        if fitted_on and scored_on and len(scored_on[1]) > 1:
            model = LinearRegression().fit(*fitted_on)
            scores.append(r2_score(scored_on[1], model.predict(scored_on[0])))
    if not scores:
        raise ValueError(
            "Training and test videos have no phase in common, of which test videos "
            "have two frames or more"
            f"{'' if last_phase else ', and that another phase follows'}."
        )
    return float(np.mean(scores))


def kendall_tau(embeddings: Videos) -> float:
    """Measure how well nearest neighbours keep the temporal order.

    For every ordered pair of videos, each frame of the first is matched with its
    nearest neighbour in the second. Kendall's tau-b compares the order of the frames
    with the order of their matches.

    Parameters
    ----------
    embeddings : arrays of shape (n_frames_i, D)
        Embeddings, one array a video: at least two videos of at least two frames each.

    Returns
    -------
    float
        Mean over all ordered pairs, in [-1, 1]. A pair counts 0 if all frames of the
        first video have the same nearest neighbour.

    References
    ----------
    .. [1] D. Dwibedi et al., "Temporal cycle-consistency learning", CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import kendall_tau
    >>> x = np.arange(5.0)[:, None]
    >>> round(kendall_tau([x, x + 0.1]), 6), round(kendall_tau([x, x[::-1]]), 6)
    (1.0, -1.0)
    """
    videos = _check_several(embeddings, min_frames=2)
    total = 0.0
    for i, x in enumerate(videos):
        for j, y in enumerate(videos):
            if i != j:
                nearest = [block.argmin(axis=1) for block in _distances(x, y)]
                order = np.concatenate(nearest)
                if order.min() < order.max():
                    # The p-value, of no use here, divides by the number of frames - 2.
                    method = "asymptotic" if len(x) > 2 else "exact"
                    total += kendalltau(np.arange(len(x)), order, method=method)[0]
    return float(total / (len(videos) * (len(videos) - 1)))


def retrieval_precision(
    embeddings: Videos, labels: Labels, *, k: Sequence[int] = (5, 10, 15)
) -> dict[int, float]:
    """Measure the share of neighbours in other videos with a frame's phase (AP@K).

    Parameters
    ----------
    embeddings : arrays of shape (n_frames_i, D)
        Embeddings, one array a video; at least two videos.
    labels : array-like of shape (n_frames_i,), one a video
        Phase of each frame.
    k : sequence of int, default=(5, 10, 15)
        Numbers of neighbours.

    Returns
    -------
    dict of int to float
        For each K, the share of the K nearest neighbours that have the frame's phase,
        averaged over all frames. Neighbours come from all *other* videos together. The
        choice among equally near frames is not defined.

    Examples
    --------
    >>> import numpy as np
    >>> from skvas.metrics import retrieval_precision
    >>> embeddings = [np.arange(8.0)[:, None]] * 2
    >>> retrieval_precision(embeddings, [[0] * 4 + [1] * 4] * 2, k=(1, 3))
    {1: 1.0, 3: 0.9166666666666666}
    """
    if np.ndim(k) != 1 or not len(k):
        raise InvalidParameterError(
            f"k must be a sequence of one integer or more, got {shorten(k)}."
        )
    sizes = [check_integer("k", size, low=1) for size in k]
    videos = _check_several(embeddings)
    codes = encode(check_labels(labels, [len(video) for video in videos]))[0]
    n_frames = sum(map(len, videos))
    available = n_frames - max(map(len, videos))
    if max(sizes) > available:
        raise ValueError(
            f"k asks for {max(sizes)} neighbours, but the other videos of one video "
            f"have only {available} frames in all."
        )
    shares = np.zeros(max(sizes))
    for own, phases in enumerate(codes):
        others = [index for index in range(len(videos)) if index != own]
        pool = np.concatenate([videos[index] for index in others])
        pool_phases = np.concatenate([codes[index] for index in others])
        shares += _shared_phases(videos[own], phases, pool, pool_phases, len(shares))
    return {size: float(shares[:size].sum() / (size * n_frames)) for size in sizes}


def _check_several(embeddings: Videos, min_frames: int = 1) -> list[NDArray]:
    """Return two videos or more, shifted and scaled together.

    Their distances then keep precision, and neither overflow nor vanish.
    """
    videos = check_videos(embeddings, min_frames=min_frames)
    if len(videos) < 2:
        raise ValueError(f"Expected at least two videos to compare, got {len(videos)}.")
    centre = np.concatenate(videos).mean(axis=0, dtype=float)
    centred = [video - centre for video in videos]
    peak = max(float(np.abs(video).max()) for video in centred)
    return [over_power_of_two(video, peak) for video in centred]


def _check_split(
    train_embeddings: Videos,
    train_labels: Labels,
    test_embeddings: Videos,
    test_labels: Labels,
) -> tuple[list[NDArray], list[NDArray], list[Codes], list[Codes], int]:
    """Return training and test videos, their phases as codes, how many phases."""
    train = check_videos(train_embeddings)
    test = check_videos(test_embeddings)
    if train[0].shape[1] != test[0].shape[1]:
        raise ValueError(
            f"train_embeddings have {train[0].shape[1]} features, but test_embeddings "
            f"have {test[0].shape[1]}."
        )
    labels = check_labels(train_labels, [len(video) for video in train])
    labels_test = check_labels(test_labels, [len(video) for video in test])
    refuse_other_kind(labels, labels_test)
    codes, phases = encode(respell(labels + labels_test))
    return train, test, codes[: len(train)], codes[len(train) :], len(phases)


def _svm_accuracy(
    videos: list[NDArray],
    phases: list[Codes],
    test: list[NDArray],
    phases_test: list[Codes],
    fraction: float,
    rng: np.random.RandomState,
) -> float:
    """Fit on a share of the videos; return the accuracy on the test videos.

    It is NaN where there is a single phase to fit.
    """
    # The tiny addend keeps 0.29 * 100 = 28.999999999999996 from losing a video.
    n_fit = max(1, int(fraction * len(videos) + 1e-9))
    chosen = np.sort(rng.permutation(len(videos))[:n_fit])
    target = np.concatenate([phases[index] for index in chosen])
    if target.min() == target.max():
        return float("nan")
    model = SVC().fit(np.concatenate([videos[index] for index in chosen]), target)
    return float(model.score(np.concatenate(test), np.concatenate(phases_test)))


def _events(phases: list[Codes]) -> list[int]:
    """Return the phases that another follows, in some video."""
    ends = [(int(phase), codes[-1] == phase) for codes in phases for phase in {*codes}]
    return sorted({phase for phase, is_end in ends if not is_end})


def _progress(
    videos: list[NDArray], phases: list[Codes], phase: int
) -> tuple[NDArray, NDArray] | None:
    """Return the frames of the videos with the phase, and its progress at each."""
    frames, targets = [], []
    for video, codes in zip(videos, phases, strict=True):
        inside = np.flatnonzero(codes == phase)
        if len(inside):
            frames.append(video)
            targets.append((np.arange(len(codes)) - inside[-1]) / len(codes))
    if not frames:
        return None
    return np.concatenate(frames), np.concatenate(targets)


def _distances(x: NDArray, y: NDArray) -> Iterator[NDArray]:
    """Yield blocks of rows of squared distances, less a constant for each row."""
    squares = (y * y).sum(axis=1)
    step = max(1, _BLOCK // len(y))
    for start in range(0, len(x), step):
        block = x[start : start + step] @ (-2 * y.T)
        block += squares
        yield block


def _shared_phases(
    x: NDArray, phases: Codes, pool: NDArray, pool_phases: Codes, k: int
) -> NDArray:
    """Count the frames of x whose first, second, ... k-th neighbour has their phase."""
    counts = np.zeros(k)
    start = 0
    for block in _distances(x, pool):
        near = np.argpartition(block, k - 1, axis=1)[:, :k]
        rank = np.take_along_axis(block, near, axis=1).argsort(axis=1)
        near = np.take_along_axis(near, rank, axis=1)
        own = phases[start : start + len(block), None]
        counts += (pool_phases[near] == own).sum(axis=0)
        start += len(block)
    return counts
