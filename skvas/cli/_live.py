"""`skvas live`: a recording, followed while it goes on."""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skvas._printing import visible
from skvas.applications._names import names_by_label
from skvas.cli._files import (
    is_video,
    kind_of,
    load_recording,
    load_segmenter,
    refuse_unused,
    seconds_of,
)
from skvas.cli._lines import BAR, say, show
from skvas.cli._pipe import frames_of_lines
from skvas.datasets._recordings import features_of_fit, rate_of_fit
from skvas.features import FrameFeatures
from skvas.features._decoding import read_frames, resampled
from skvas.features._sources import compute_as_they_come, in_real_time, read_camera
from skvas.live import LiveFrames, LiveRecording, LiveTracker, LiveWarning, NextStep

__all__ = ["run"]

# Before the name of a camera.
CAMERA = "camera:"


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model = load_segmenter(options.model)
    tracker: LiveTracker = model.stream(
        fps=options.fps, lag=options.lag, reset_after=options.reset_after
    )
    n_frames, total, most = 0, 0.0, 0.0  # and seconds
    told = _LiveLines(tracker, names_by_label(model), as_json=options.json)
    is_over = False
    try:
        try:
            for moment, frame in _frames_of(options, model):
                told.expect(moment)
                started = time.perf_counter()
                found = tracker.push(frame[None])
                took = time.perf_counter() - started
                n_frames, total, most = n_frames + 1, total + took, max(most, took)
                told.tell(found)
            is_over = True
        except KeyboardInterrupt:  # which ends a camera
            is_over = True
            raise
        finally:  # what waits for later frames, also where a recording breaks off
            told.end(tracker.finish(), is_over=is_over)
    finally:
        if n_frames:
            mean, most = 1e3 * total / n_frames, 1e3 * most
            say(f"{n_frames} frames, {mean:.2f} ms each, {most:.2f} ms at most")


def _frames_of(
    options: argparse.Namespace, model: Any
) -> Iterator[tuple[float | None, np.ndarray]]:
    """Yield times, where there are any, and features of frames as they come."""
    source, camera = options.source, None
    if source.startswith(CAMERA):
        camera = read_camera(source[len(CAMERA) :])
    is_played = camera is not None or is_video(source)
    kind = "lines" if source == "-" else "video"
    if kind == "video" and not is_played:
        kind = kind_of(source, model)
    refuse_unused(options, {kind}, repr(source))
    if source == "-":
        rows = frames_of_lines(model.n_features_in_, features_of_fit(model))
        yield from ((None, row) for row in rows)
    elif is_played:
        frames = read_frames(source) if camera is None else camera
        frames = _at_rate_of_fit(frames, options, model)
        if camera is None:
            frames = in_real_time(frames)
        extractor = FrameFeatures(
            options.backbone, weights=options.weights, device=options.device
        )
        yield from compute_as_they_come(extractor, frames)
    else:
        data = load_recording(options, model, source, kind)
        times = seconds_of(data)
        if times is None:
            yield from ((None, row) for row in data[0])
            return
        timed: Iterator[tuple[float, Any]] = zip(times.tolist(), data[0], strict=True)
        if kind == "poses":
            timed = _at_rate_of_fit(timed, options, model)
        yield from in_real_time(timed)


def _at_rate_of_fit(
    frames: Iterator[tuple[float, Any]], options: argparse.Namespace, model: Any
) -> Iterator[tuple[float, Any]]:
    """Yield as many frames a second as the model knows: it has durations in frames."""
    fps = rate_of_fit(model) if options.fps is None else options.fps
    return frames if fps is None else resampled(frames, fps)


class _LiveLines:
    """Print what changes in a recording; on a terminal, draw where it is."""

    def __init__(
        self, tracker: LiveTracker, names: Mapping[Any, str] | None, *, as_json: bool
    ) -> None:
        self.tracker = tracker
        self.names = names or {}
        self.as_json = as_json
        self.n_expected = 0  # frames
        self.moment: float | None = None  # of the newest one
        self.is_known = False  # whether a frame could be read
        self.following: list[NextStep] = []
        self._begin()

    def _begin(self) -> None:
        """Forget a recording, if there was one."""
        self.moments: deque[float | None] = deque()  # of frames that are not final
        self.began: float | None = None
        self.action: int | str | None = None
        self.n_warnings = 0

    def expect(self, moment: float | None) -> None:
        """Note when the next frame is; None: as the rate of frames says, if known."""
        fps = self.tracker.fps
        if moment is None and fps is not None:
            moment = self.n_expected / fps
        self.n_expected += 1
        self.moment = None if moment is None else round(moment, 6)

    def tell(self, found: LiveFrames) -> None:
        """Tell what the newest frame says, also of the recording that it has ended."""
        for recording in self.tracker.ended_:
            self.end(recording)
            self._begin()
        if self.tracker.n_frames_:  # else the frame counts in no recording
            self.moments.append(self.moment)
        if self.tracker.n_frames_ == 1:
            self.began = self.moment
        self.is_known = self.tracker.current_ is not None
        self.following = self.tracker.next_[:1]
        self._tell(found, self.tracker.warnings_, self.moment)

    def end(self, recording: LiveRecording, *, is_over: bool = True) -> None:
        """Tell of frames that waited for the end, and then of steps that it lacks."""
        moment, fps = self.moment, self.tracker.fps
        if self.tracker.reset_after and self.began is not None and fps is not None:
            # That of the last frame that could be read.
            moment = round(self.began + (recording.n_frames - 1) / fps, 6)
        warnings = [w for w in recording.warnings if is_over or w.kind != "missing"]
        self._tell(recording.rest, warnings, moment)

    def _tell(
        self, found: LiveFrames, warnings: list[LiveWarning], now: float | None
    ) -> None:
        """Tell of steps that begin, and of what is unusual now."""
        assert found.labels is not None
        for frame, action in enumerate(found.labels.tolist(), found.start):
            moment = self.moments.popleft()
            if self.is_known and action != self.action:
                self.action = action
                self._tell_step(found, frame, moment)
        for warning in warnings[self.n_warnings :]:
            named = replace(warning, action=self._call(warning.action))
            when = {"frame": named.frame, "time": now}
            told = {"warning": named.kind, "action": named.action}
            self._print(when | told, f"warning: {named}{_at(now)}")
        self.n_warnings = len(warnings)
        self._draw()

    def _tell_step(self, found: LiveFrames, frame: int, moment: float | None) -> None:
        n = frame - found.start
        assert found.probabilities is not None
        probability = float(found.probabilities[n].max())
        action = self._call(self.action)
        record: dict[str, Any] = {"frame": frame, "time": moment, "action": action}
        record["probability"] = round(probability, 4)
        text = f"frame {frame}: action {action} ({probability:.0%}){_at(moment)}"
        if found.progress is not None:
            record["progress"] = round(float(found.progress[n]), 4)
            text += f", {found.progress[n]:.0%} done"
        record["next"] = None
        for step in self.following:
            record["next"] = self._call(step.action)
            record["next_in_frames"] = round(step.n_frames, 1)
            if step.seconds is not None:
                record["next_in_seconds"] = round(step.seconds, 2)
            text += self._tell_next(step)
        self._print(record, text)

    def _print(self, record: Mapping[str, Any], text: str) -> None:
        show("")
        print(json.dumps(record) if self.as_json else visible(text), flush=True)

    def _draw(self) -> None:
        now = self.tracker.current_
        if now is None:
            return
        done = 0 if now.progress is None else round(BAR * now.progress)
        bar = "" if now.progress is None else f"[{'#' * done}{'.' * (BAR - done)}] "
        following = "".join(map(self._tell_next, self.tracker.next_[:1]))
        action = self._call(now.action)
        show(f"{bar}action {action} ({now.probability:.0%}){following}")

    def _tell_next(self, step: NextStep) -> str:
        is_end = step.action is None
        name = "the end" if is_end else f"action {self._call(step.action)}"
        return f", next: {name} in {_wait_for(step)}"

    def _call(self, action: int | str | None) -> int | str | None:
        """Return the name of an action; its label, if it has none."""
        return self.names.get(action, action)


def _at(moment: float | None) -> str:
    return "" if moment is None else f" at {moment:.2f} s"


def _wait_for(step: NextStep) -> str:
    if step.seconds is None:
        return f"{step.n_frames:.0f} frames"
    return f"{step.seconds:.0f} s"
