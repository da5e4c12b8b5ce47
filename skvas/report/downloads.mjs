// The files that a page saves.
//
// A recording has name, length, fps (or null), times (or null), media (or null) and
// segments; `nameOf` and `labelOf` say what an action is called, and which label it has
// for the next fit.

import { clipTime, timeAt } from "./clocks.mjs";
import { isChecked, knownFrames } from "./segments.mjs";

export function asCorrections(videos, anchors, labelOf) {
  return {
    format: "skvas corrections",
    version: 1,
    videos: videos.map((v) => ({
      name: v.name,
      n_frames: v.length,
      segments: v.segments.map((s) => ({
        start: s.start,
        end: s.end,
        label: s.code < 0 ? null : labelOf(s.code),
        checked: isChecked(s),
        known: knownFrames(s),
      })),
    })),
    anchors: anchors.map(([a, f, b, g]) => ({
      videos: [videos[a].name, videos[b].name],
      frames: [f, g],
    })),
  };
}

function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// To microseconds: sums of binary fractions have digits that nobody meant.
function rounded(time) {
  return Number(time.toFixed(6));
}

// Times in seconds, or in frames where there is no frame rate.
export function asTable(videos, nameOf) {
  const rows = videos.flatMap((v) =>
    v.segments
      .filter((s) => s.code >= 0)
      .map((s) => [
        v.name,
        rounded(timeAt(v, s.start)),
        rounded(timeAt(v, s.end)),
        nameOf(s.code),
        rounded(timeAt(v, s.end) - timeAt(v, s.start)),
      ]),
  );
  return [["video", "start", "end", "label", "seconds"], ...rows]
    .map((row) => `${row.map(cell).join(",")}\r\n`)
    .join("");
}

// The field's text: a label a line, for each frame; -1 says that there is none.
export function asFrames(v, nameOf) {
  const lines = [];
  for (const s of v.segments) {
    const text = s.code < 0 ? "-1" : nameOf(s.code).replace(/\s+/g, " ");
    for (let at = s.start; at < s.end; at += 1) lines.push(text);
  }
  return `${lines.join("\n")}\n`;
}

// One tier of ELAN, in milliseconds; the recording must have a frame rate. `page` is the
// address of the page, which that of the media starts from; `duration` is that of the clip.
export function asElan(v, nameOf, date, page, duration) {
  const rows = v.segments.filter((s) => s.code >= 0);
  const ms = (frame) => Math.round(clipTime(v, frame, duration) * 1000);
  const slots = rows.flatMap((s) => [ms(s.start), ms(s.end)]);
  const media =
    v.media === null || v.media.startsWith("data:")
      ? ""
      : `<MEDIA_DESCRIPTOR ${linksTo(v.media, page)} MIME_TYPE="${mimeOf(v.media)}"/>`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<ANNOTATION_DOCUMENT AUTHOR="skvas" DATE="${date.toISOString()}" FORMAT="3.0"` +
      ' VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"' +
      ' xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">',
    `<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">${media}</HEADER>`,
    "<TIME_ORDER>",
    ...slots.map(
      (time, i) => `<TIME_SLOT TIME_SLOT_ID="ts${i + 1}" TIME_VALUE="${time}"/>`,
    ),
    "</TIME_ORDER>",
    '<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="actions">',
    ...rows.map(
      (s, i) =>
        `<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a${i + 1}"` +
        ` TIME_SLOT_REF1="ts${2 * i + 1}" TIME_SLOT_REF2="ts${2 * i + 2}">` +
        `<ANNOTATION_VALUE>${xml(nameOf(s.code))}</ANNOTATION_VALUE>` +
        "</ALIGNABLE_ANNOTATION></ANNOTATION>",
    ),
    "</TIER>",
    '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt"' +
      ' TIME_ALIGNABLE="true"/>',
    "</ANNOTATION_DOCUMENT>",
    "",
  ].join("\n");
}

// ELAN tries the second link where the first leads nowhere, as on another computer.
function linksTo(media, page) {
  const { href } = new URL(media, page);
  const relative = href === media ? "" : ` RELATIVE_MEDIA_URL="./${xml(decoded(media))}"`;
  return `MEDIA_URL="${xml(href)}"${relative}`;
}

function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address; // the name of the file is not UTF-8
  }
}

const MIMES = { mp4: "video/mp4", m4v: "video/mp4", webm: "video/webm", mov: "video/quicktime" };

const mimeOf = (media) => MIMES[media.split(".").pop().toLowerCase()] ?? "video/*";

// Characters that no XML file may have become U+FFFD.
function xml(text) {
  const names = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/[&<>"]/g, (c) => `&${names[c]};`);
}
