"""Measure segmentation on recordings of a simulated robot, which anybody can make.

``python -m benchmarks.robots`` needs the package ``metaworld``. A program moves an arm
until a task is done ("open the door", "hammer the nail in"), each time from another
start, at a pace of its own and with noise in what the arm does. It goes by steps: which
one is on is known, as it is the branch of the program that decides. Frames are the 18
numbers of arm and objects that vary; or the four of the arm, or 64 features of a random
network, with noise. Kinds of collections: recordings of one task that has three steps
or more ("numbers", "arm", "network"), and of three to six tasks one after another,
which are the actions, in one order ("row", "row, network") or in any ("any order").

How contiguous actions are cut on a timeline was decided on the same tasks among many
sets, at other paces and in other rows.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from scipy.ndimage import generic_filter

from benchmarks.kinds import print_scores

KINDS = ("numbers", "arm", "network", "row", "row, network", "any order")
# Numbers of a frame, and the first ones, which are of the arm.
N_NUMBERS, N_ARM = 18, 4
# Recordings of a task, starts that are tried for them, frames of one at most, and those
# that follow once it is done.
N_RECORDINGS, N_STARTS, MOST_FRAMES, N_AFTER = 12, 40, 400, 15
# Frames on either side that have a say in a step, and the share of the frames that a
# step of a task has at least.
RADIUS, LEAST_SHARE = 7, 0.04
# Deviation below which a number does not vary, and noise in units of deviations.
STILL, NOISE = 1e-3, 0.02
FEWEST_RECORDINGS, FEWEST_FRAMES, FEWEST_STEPS = 8, 20, 3


def main():
    print_scores("robots", __doc__, KINDS, lambda: partial(collect, do_tasks()))


def do_tasks():
    """Return recordings by task: lists of frames, (n, 18), and their steps, (n,)."""
    try:
        import gymnasium
        import metaworld  # noqa: F401  (registers what gymnasium makes)
        from metaworld.policies import ENV_POLICY_MAP
    except ImportError as error:
        raise ImportError(f"{error}; pip install metaworld") from error

    tasks = {}
    for name, make_policy in sorted(ENV_POLICY_MAP.items()):
        policy = make_policy()
        if hasattr(policy, "_desired_pos"):
            env = gymnasium.make("Meta-World/MT1", env_name=name, seed=0)
            recordings = _tidy(record(env, policy))
            if len(recordings) >= FEWEST_RECORDINGS:
                tasks[name] = recordings
    return tasks


def record(env, policy):
    """Return recordings in which a policy has done its task: frames and steps."""
    found = []
    for start in range(N_STARTS):
        rng = np.random.RandomState(start)
        pace, noise = rng.uniform(0.35, 1), rng.uniform(0, 0.3)
        observation, _ = env.reset()
        frames, steps, n_done = [], [], 0
        while len(frames) < MOST_FRAMES and n_done <= N_AFTER:
            action, step = _decide(policy, observation)
            frames.append(observation[:N_NUMBERS])
            steps.append(step)
            action = np.clip(action, -1, 1)
            action[:3] = pace * action[:3] + noise * rng.standard_normal(3)
            action = np.clip(action, -1, 1).astype(np.float32)
            observation, _, _, is_over, about = env.step(action)
            n_done += about["success"] > 0
            if is_over:
                break
        if n_done > 0:
            found.append((np.array(frames, np.float32), np.array(steps)))
        if len(found) == N_RECORDINGS:
            break
    return found


def _decide(policy, observation):
    """Return a policy's action, and the line of the branch that it took."""
    code = type(policy)._desired_pos.__code__
    step = 0

    def follow(frame, event, _):
        nonlocal step
        if frame.f_code is code:
            step = frame.f_lineno
            return follow
        return None

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        action = policy.get_action(observation)
    finally:
        sys.settrace(before)
    return action, step


def _tidy(recordings):
    """Number the steps of a task from 0 to K - 1, without flicker and rare ones."""
    if not recordings:
        return []
    known = np.unique(np.concatenate([steps for _, steps in recordings]))
    smooth = [
        generic_filter(np.searchsorted(known, steps), _usual, 2 * RADIUS + 1)
        for _, steps in recordings
    ]
    shares = np.mean(
        [np.bincount(s, minlength=len(known)) / len(s) for s in smooth], axis=0
    )
    common = np.flatnonzero(shares > LEAST_SHARE)
    tidied = []
    for (frames, _), steps in zip(recordings, smooth, strict=True):
        kept = np.isin(steps, common)
        if kept.sum() >= FEWEST_FRAMES:
            tidied.append((frames[kept], np.searchsorted(common, steps[kept])))
    return tidied


def _usual(values):
    return np.bincount(values.astype(int)).argmax()


def collect(tasks, kind, seed):
    """Make a collection: videos, labels and the number of actions.

    Parameters
    ----------
    tasks : dict of str to list of (ndarray, ndarray)
        What `do_tasks` returns.
    kind : str
        Of `KINDS`.
    seed : int
        Of the collection.
    """
    rng = np.random.RandomState(seed)
    if kind in ("numbers", "arm", "network"):
        several = [
            name for name in sorted(tasks) if _n_steps(tasks[name]) >= FEWEST_STEPS
        ]
        recordings = tasks[rng.permutation(several)[0]]
    else:
        recordings = _in_a_row(tasks, rng, any_order=kind == "any order")
    videos, labels = map(list, zip(*recordings, strict=True))
    if kind == "arm":
        videos = [video[:, :N_ARM] for video in videos]
    videos = _measured(videos, rng)
    if kind.endswith("network"):
        videos = _featured(videos, rng)
    return videos, labels, _n_steps(recordings)


def _n_steps(recordings):
    return 1 + max(int(steps.max()) for _, steps in recordings)


def _in_a_row(tasks, rng, *, any_order):
    n_tasks = rng.randint(3, 7)
    names = rng.permutation(sorted(tasks))[:n_tasks]
    recordings = []
    for _ in range(FEWEST_RECORDINGS):
        order = rng.permutation(n_tasks) if any_order else range(n_tasks)
        parts = [tasks[names[k]][rng.randint(FEWEST_RECORDINGS)][0] for k in order]
        labels = np.repeat(order, [len(part) for part in parts])
        recordings.append((np.concatenate(parts), labels))
    return recordings


def _measured(videos, rng):
    """Return the numbers that vary in units of their deviations, with noise."""
    joined = np.concatenate(videos)
    scale = joined.std(axis=0)
    varies = scale > STILL
    joined = (joined - joined.mean(axis=0))[:, varies] / scale[varies]
    joined += NOISE * rng.standard_normal(joined.shape)
    return _split(joined, videos)


def _featured(videos, rng):
    """Return frames as a random network sees them, with noise."""
    joined = np.concatenate(videos)
    width = joined.shape[1]
    first = rng.standard_normal((width, 128)) / np.sqrt(width)
    second = rng.standard_normal((128, 64)) / np.sqrt(128)
    seen = np.tanh(1.5 * joined @ first) @ second
    seen += 0.15 * rng.standard_normal(seen.shape)
    return _split(seen, videos)


def _split(joined, videos):
    ends = np.cumsum([len(video) for video in videos])[:-1]
    return np.split(joined.astype(np.float32), ends)


if __name__ == "__main__":
    main()
