// Poses: points of each frame, as bytes, and where they are in a picture.
//
// Bytes stand frame by frame, point by point, axis by axis: across, up and, in three
// dimensions, towards whoever looks. 255 is a point that was not seen.

const MISSING = 255;
const MIDDLE = 127;

export function unpackPose(packed, nPoints, nAxes) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  return { bytes, nPoints, nAxes, length: bytes.length / (nPoints * nAxes) };
}

// Return the points at a share of the recording, [x, y] from -1 to 1 with y down, after
// a turn about the vertical axis; null for those that were not seen.
export function pointsAt(pose, share, turn) {
  const at = share * (pose.length - 1);
  const first = Math.min(Math.floor(at), pose.length - 1);
  const second = Math.min(first + 1, pose.length - 1);
  const rest = at - first;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return Array.from({ length: pose.nPoints }, (_, point) => {
    const [a, b] = [first, second].map((frame) => axesOf(pose, frame, point));
    if (!a && !b) return null;
    const [one, other] = [a ?? b, b ?? a];
    const [x, y, z = 0] = one.map((value, axis) => value + rest * (other[axis] - value));
    return [cos * x + sin * z, -y];
  });
}

function axesOf({ bytes, nPoints, nAxes }, frame, point) {
  const start = (frame * nPoints + point) * nAxes;
  const axes = bytes.subarray(start, start + nAxes);
  if (axes.includes(MISSING)) return null;
  return Array.from(axes, (value) => value / MIDDLE - 1);
}
