// When the frames of recordings were.
//
// A recording has fps, null where nothing is known, and times where its frames have no
// constant rate: knots { frames, seconds }, between which time is straight. They come as
// such, or as steps of all frames in a unit of seconds.

import { interpolate } from "./warps.mjs";

export function unpackTimes(times) {
  if (!times?.steps) return times;
  const { first, unit, steps } = times;
  let ticks = 0;
  const ends = steps.map((step) => first + unit * (ticks += step));
  return { frames: [0, ...steps.map((_, i) => i + 1)], seconds: [first, ...ends] };
}

// Seconds, or frames where there is no frame rate.
export function timeAt(v, frame) {
  if (v.times) return interpolate(v.times.frames, v.times.seconds, frame);
  return v.fps ? frame / v.fps : frame;
}

export function frameAt(v, time) {
  if (v.times) return interpolate(v.times.seconds, v.times.frames, time);
  return v.fps ? time * v.fps : time;
}

// Time since the recording began.
export const elapsed = (v, frame) => timeAt(v, frame) - timeAt(v, 0);

// Seconds since its clip began, of so many seconds (undefined or NaN: not known). A clock
// that starts behind its end, as those of the day do, started with the clip.
export function clipTime(v, frame, duration) {
  const begin = timeAt(v, 0);
  return timeAt(v, frame) - (begin >= duration ? begin : 0);
}

// The frame that is there some seconds later; without a frame rate, 25 are a second.
export function later(v, frame, seconds) {
  return v.fps ? frameAt(v, timeAt(v, frame) + seconds) : frame + 25 * seconds;
}
