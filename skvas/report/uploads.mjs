// Corrections that a page has saved, on this page or another one of its recordings.

import { isWhole, segment } from "./segments.mjs";

// Return the actions, segments and anchors that a file asks for, and the names of
// recordings that are not on this page. Throws an Error that says what is wrong.
//
// Recordings of which the file knows nothing keep the segments that they have. Where
// these are the file's, they have its actions: one may have got a name, or another.
// `codeOf` says which action has a label, and `actions` are the names of all.
export function readCorrections(text, videos, actions, codeOf) {
  const saved = parse(text);
  const named = new Map(videos.map((v) => [v.name, v]));
  const called = withNewNames(saved.videos, named, actions, codeOf);
  const segments = videos.map((v) => v.segments);
  const missing = [];
  const anchored = new Set((saved.anchors ?? []).flatMap((anchor) => anchor.videos));
  for (const { name, n_frames: nFrames, segments: rows } of saved.videos) {
    const v = named.get(name);
    const isKnown = rows.some((row) => row.checked || row.known);
    const isTold = isKnown || anchored.has(name);
    if (!v && isTold) missing.push(name);
    if (!v) continue;
    if (isTold && v.length !== nFrames) {
      throw new Error(`${name} has ${nFrames} frames in the file, and ${v.length} here`);
    }
    if (!isKnown) {
      if (haveSameBoundaries(rows, v.segments)) {
        segments[v.index] = v.segments.map((s, i) =>
          unlessSeen(s, rows[i].label, called, codeOf),
        );
      }
      continue;
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

// What somebody said of a segment of this page stays, and nobody takes away an action.
function unlessSeen(s, label, called, codeOf) {
  if (s.left || s.right || label === null) return s;
  return segment(s.start, s.end, codeFor(label, called, codeOf), false, false);
}

// Return the names of actions, with those that the file has for all their segments.
function withNewNames(rowsOfAll, named, actions, codeOf) {
  const called = [...actions];
  const kept = new Set(rowsOfAll.flatMap((v) => v.segments.map((row) => codeOf(row.label))));
  for (const { name, segments: rows } of rowsOfAll) {
    const own = named.get(name)?.segments ?? [];
    if (!haveSameBoundaries(rows, own)) continue;
    rows.forEach(({ label }, i) => {
      const { code } = own[i];
      const isFree = code >= 0 && !kept.has(code) && called[code] === actions[code];
      if (label === null || codeOf(label) !== undefined || !isFree) return;
      if (!called.includes(String(label))) called[code] = String(label);
    });
  }
  return called;
}

function haveSameBoundaries(rows, segments) {
  const isSame = ({ start, end }, i) => start === rows[i].start && end === rows[i].end;
  return rows.length === segments.length && segments.every(isSame);
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
