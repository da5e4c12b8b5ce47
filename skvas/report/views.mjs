// Which part of the axis of time is in view, { from, to }: shares of all of it.

export const WHOLE = Object.freeze({ from: 0, to: 1 });
const MARGIN = 0.1; // of the view, on both sides of what is shown

function within(from, size) {
  const start = Math.min(Math.max(from, 0), 1 - size);
  return { from: start, to: start + size };
}

// Show `factor` times as little, no less than `least`; the share `at` stays where it is.
export function zoom(view, factor, at, least) {
  const before = view.to - view.from;
  const size = Math.min(Math.max(before / factor, least), 1);
  return within(at - ((at - view.from) * size) / before, size);
}

// Move the view by a part of its size.
export function pan(view, part) {
  const size = view.to - view.from;
  return within(view.from + part * size, size);
}

// Move the view if the share `at` is not in it.
export function show(view, at) {
  const size = view.to - view.from;
  if (view.from <= at && at <= view.to) return view;
  return within(at < view.from ? at - (1 - MARGIN) * size : at - MARGIN * size, size);
}
