// Segments of a recording, and what corrections make of them.
//
// Rows of segments follow each other without gaps. What somebody said of a segment is
// known of its left half, its right half, or both: who moves a boundary has seen the
// frames around it, and not the other ends. Nothing is changed in place.

export function segment(start, end, code, left, right) {
  return Object.freeze({ start, end, code, left, right });
}

export const isChecked = (s) => s.left && s.right;

// Tell whether somebody has seen the boundary before a segment.
export const isSeen = (rows, i) => rows[i - 1].right && rows[i].left;

// Return the frames of which the label is known, [first, end]; null where there are none.
export function knownFrames(s) {
  const middle = Math.min(Math.max((s.start + s.end) >> 1, s.start + 1), s.end);
  if (isChecked(s)) return [s.start, s.end];
  if (s.left) return [s.start, middle];
  if (s.right) return [Math.min(middle, s.end - 1), s.end];
  return null;
}

export function segmentAt(rows, frame) {
  const i = rows.findIndex((s) => Math.floor(frame) < s.end);
  return i < 0 ? rows.length - 1 : i;
}

// Move the boundary before segment i; the ends of the recording count as seen.
export function moveBoundary(rows, i, at) {
  const [a, b] = [rows[i - 1], rows[i]];
  const goal = Math.min(Math.max(at, a.start + 1), b.end - 1);
  const left = segment(a.start, goal, a.code, a.left || i === 1, true);
  const right = segment(goal, b.end, b.code, true, b.right || i + 1 === rows.length);
  return rows.toSpliced(i - 1, 2, left, right);
}

export function relabel(rows, i, code) {
  const { start, end } = rows[i];
  return tidy(rows.with(i, segment(start, end, code, true, true)), i);
}

// Who splits a segment has seen what is before the cut; what is behind it is another
// action, perhaps. Null: a segment starts there already.
export function split(rows, frame) {
  const i = segmentAt(rows, frame);
  const at = Math.floor(frame);
  const s = rows[i];
  if (at <= s.start) return null;
  const first = segment(s.start, at, s.code, s.left, true);
  return rows.toSpliced(i, 1, first, segment(at, s.end, s.code, false, false));
}

// The second segment gets the action of the first: who says so has seen that both are
// one action. Null: no segment follows.
export function merge(rows, i) {
  const [a, b] = [rows[i], rows[i + 1]];
  if (!b) return null;
  return tidy(rows.toSpliced(i, 2, segment(a.start, b.end, a.code, true, true)), i);
}

// Say that a segment is right; without i, all of them.
export function check(rows, i = -1) {
  return rows.map((s, at) =>
    i < 0 || i === at ? segment(s.start, s.end, s.code, true, true) : s,
  );
}

// All segments of one action get another one.
export function join(rows, code, other) {
  return rows.map((s) =>
    s.code === code ? segment(s.start, s.end, other, s.left, s.right) : s,
  );
}

const isAlike = (a, b) => a.code === b.code && isChecked(a) && isChecked(b);

// Segment i, which is checked, becomes one with checked neighbours of its action.
function tidy(rows, i) {
  const first = i > 0 && isAlike(rows[i - 1], rows[i]) ? i - 1 : i;
  const last = i + 1 < rows.length && isAlike(rows[i], rows[i + 1]) ? i + 1 : i;
  const [a, b] = [rows[first], rows[last]];
  const whole = segment(a.start, b.end, a.code, a.left, b.right);
  return rows.toSpliced(first, last - first + 1, whole);
}

// Tell whether rows of segments cover a recording and have actions that there are.
export function isWhole(rows, nFrames, nActions) {
  return (
    rows.length > 0 &&
    rows[0].start === 0 &&
    rows[rows.length - 1].end === nFrames &&
    rows.every((s, i) => s.start < s.end && (i === 0 || rows[i - 1].end === s.start)) &&
    rows.every((s) => s.code >= -1 && s.code < nActions)
  );
}
