// Warps of recordings: frames against places on common time.
//
// A warp has knots, { frames, places }, between which it is straight. Frames rise,
// places never fall. A bent warp has pins as well: where several frames are at the place of
// one, the pinned frame is the one that is there.

export const placeOf = (warp, frame) => interpolate(warp.frames, warp.places, frame);

export function frameIn(warp, place) {
  const pin = warp.pins?.find((some) => some[1] === place);
  return pin ? pin[0] : interpolate(warp.places, warp.frames, place);
}

export function interpolate(from, to, wanted) {
  const right = firstNotBelow(from, wanted);
  if (right === 0) return to[0];
  if (right === from.length) return to[to.length - 1];
  if (from[right] === wanted) {
    let last = right;
    while (last + 1 < from.length && from[last + 1] === wanted) last += 1;
    return (to[right] + to[last]) / 2;
  }
  const share = (wanted - from[right - 1]) / (from[right] - from[right - 1]);
  return to[right - 1] + share * (to[right] - to[right - 1]);
}

function firstNotBelow(values, wanted) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Adds to the places of pins a little for each frame, as a warp may be flat.
const TINY = 1e-6;

// Say where the frames of anchors belong: for each recording, pairs [frame, place].
//
// An anchor [video, frame, other, frame of other] puts the other frame where the first
// is. One that contradicts those before it is skipped.
export function pinsOf(warps, anchors) {
  const pins = warps.map(() => []);
  const skipped = [];
  anchors.forEach(([a, f, b, g], i) => {
    const [one, other] = [placeAt(pins[a], f), placeAt(pins[b], g)];
    const place = one ?? other ?? placeOf(warps[a], f) + f * TINY;
    const [ours, theirs] = [withPin(pins[a], f, place), withPin(pins[b], g, place)];
    if (a !== b && ours && theirs) [pins[a], pins[b]] = [ours, theirs];
    else skipped.push(i);
  });
  return { pins, skipped };
}

const placeAt = (pins, frame) => pins.find((pin) => pin[0] === frame)?.[1];

// Null: the frame is elsewhere already, or time would go back.
function withPin(pins, frame, place) {
  const there = placeAt(pins, frame);
  if (there !== undefined) return there === place ? pins : null;
  const sorted = [...pins, [frame, place]].toSorted((p, q) => p[0] - q[0]);
  return sorted.every((pin, i) => i === 0 || sorted[i - 1][1] < pin[1]) ? sorted : null;
}

// Return a warp that passes some pairs [frame, place]; between them it is stretched.
export function bend(warp, pins) {
  if (!pins.length) return warp;
  const { frames, places } = warp;
  const last = frames.length - 1;
  const at = (frame) => placeOf(warp, frame);
  const stops = [...pins];
  if (stops[0][0] > frames[0]) {
    stops.unshift([frames[0], Math.min(places[0], stops[0][1])]);
  }
  const end = stops[stops.length - 1];
  if (end[0] < frames[last]) stops.push([frames[last], Math.max(places[last], end[1])]);
  const all = [...new Set([...frames, ...stops.map(([frame]) => frame)])];
  all.sort((a, b) => a - b);
  let piece = 0;
  const bent = all.map((frame) => {
    while (piece + 2 < stops.length && stops[piece + 1][0] <= frame) piece += 1;
    const [[f, p], [g, q]] = [stops[piece], stops[piece + 1] ?? stops[piece]];
    if (frame >= g) return q;
    const [from, to] = [at(f), at(g)];
    const share = to > from ? (at(frame) - from) / (to - from) : (frame - f) / (g - f);
    return Math.min(p + share * (q - p), q);
  });
  return { frames: all, places: bent, pins };
}
