// Corrections that a page has saved, on this page or another one of its recordings.

import { isWhole, segment } from "./segments.mjs";

// Return the actions, segments and anchors that a file asks for, and the names of
// recordings that are not on this page. Throws an Error that says what is wrong.
//
// Recordings of which the file knows nothing keep the segments that they have.
// `codeOf` says which action has a label, and `actions` are the names of all.
export function readCorrections(text, videos, actions, codeOf) {
  const saved = parse(text);
  const named = new Map(videos.map((v) => [v.name, v]));
  const called = [...actions];
  const segments = videos.map((v) => v.segments);
  const missing = [];
  for (const { name, n_frames: nFrames, segments: rows } of saved.videos) {
    const v = named.get(name);
    const isKnown = rows.some((row) => row.checked || row.known);
    if (!v && isKnown) missing.push(name);
    if (!v || !isKnown) continue;
    if (v.length !== nFrames) {
      throw new Error(`${name} has ${nFrames} frames in the file, and ${v.length} here`);
    }
    const made = rows.map(({ start, end, label, checked, known }) => {
      const [from, to] = known ?? (checked ? [start, end] : [-1, -1]);
      return segment(start, end, codeFor(label, called, codeOf), from === start, to === end);
    });
    if (!isWhole(made, v.length, called.length)) {
      throw new Error(`the segments of ${name} leave gaps or overlap`);
    }
    segments[v.index] = made;
  }
  const anchors = (saved.anchors ?? [])
    .map(({ videos: [one, other], frames: [f, g] }) => [
      named.get(one)?.index,
      f,
      named.get(other)?.index,
      g,
    ])
    .filter(([a, , b]) => a !== undefined && b !== undefined);
  return { actions: called, segments, anchors, missing };
}

function parse(text) {
  let saved = null;
  try {
    saved = JSON.parse(text);
  } catch {
    // said below
  }
  if (saved?.format !== "skvas corrections" || !Array.isArray(saved.videos)) {
    throw new Error("this is no file of corrections that a page has saved");
  }
  if (saved.version !== 1) throw new Error("a later version of skvas has written it");
  return saved;
}

// A label that no action has becomes one more action.
function codeFor(label, called, codeOf) {
  if (label === null) return -1;
  const code = codeOf(label);
  if (code !== undefined) return code;
  const place = called.indexOf(String(label));
  return place >= 0 ? place : called.push(String(label)) - 1;
}
