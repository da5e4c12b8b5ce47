// The page: what is on it, and what its controls do.

import { clipTime, elapsed, frameAt, later, timeAt, unpackTimes } from "./clocks.mjs";
import { asCorrections, asElan, asFrames, asTable } from "./downloads.mjs";
import { readDrawer, writeDrawer } from "./drawer.mjs";
import { pointsAt, unpackPose } from "./poses.mjs";
import {
  check,
  isChecked,
  isSeen,
  isWhole,
  join,
  merge,
  moveBoundary,
  relabel,
  segment,
  segmentAt,
  split,
} from "./segments.mjs";
import { readCorrections } from "./uploads.mjs";
import { pan, show, WHOLE, zoom } from "./views.mjs";
import { bend, frameIn, pinsOf, placeOf } from "./warps.mjs";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const PAGE = 9; // players at once
const LIMIT = 300; // rows of the table of steps
const AXIS = 24; // pixels of the time axis
const GRAB = 8; // pixels around a boundary that grab it, at most
const THIN = 3; // pixels of a segment beside which no line is drawn
const CLOSE = 40; // frames in view at least
const TALLEST = 16000; // pixels of a canvas that browsers draw
const [LEFT, RIGHT] = [1, 2]; // halves of a segment that are known
const NO_ACTION = "no action";

// ---- What is known ------------------------------------------------------------

const videos = data.videos.map((v, index) => ({
  ...v,
  index,
  segments: v.starts.map((start, i) =>
    segment(
      start,
      v.starts[i + 1] ?? v.length,
      v.codes[i],
      Boolean(v.known[i] & LEFT),
      Boolean(v.known[i] & RIGHT),
    ),
  ),
  curves: v.curves && Uint8Array.from(atob(v.curves), (c) => c.charCodeAt(0)),
  pose: v.pose && unpackPose(v.pose, data.poses.points, data.poses.axes),
  warp: { frames: v.frames, places: v.places },
  times: unpackTimes(v.times),
  player: null,
}));
const warps = videos.map((v) => v.warp);
let actions = [...data.actions];
let anchors = data.anchors; // [video, frame, video, frame]
const original = snapshot();
const found = new Map(); // what the model says of each segment it found
for (const v of videos) {
  v.segments.forEach((s, i) =>
    found.set(key(v, s), { status: v.status[i], z: v.z[i] }),
  );
}
const unsure = videos
  .flatMap((v) => v.sure.map((sure, i) => ({ v, frame: v.starts[i + 1], sure, i })))
  .filter(({ v, i }) => v.codes[i] !== v.codes[i + 1])
  .toSorted((a, b) => a.sure - b.sure || a.v.index - b.v.index || a.frame - b.frame);

function key(v, s) {
  return `${v.index}:${s.start}:${s.end}:${s.code}`;
}

function actionName(code) {
  return code < 0 ? NO_ACTION : actions[code];
}

// What all names begin with tells none from the others.
const shared = videos.reduce((head, { name }) => {
  const letters = [...name];
  const n = head.findIndex((letter, i) => letter !== letters[i]);
  return n < 0 ? head : head.slice(0, n);
}, [...videos[0].name]).length;

function ownName(v) {
  const letters = [...v.name];
  const isLong = shared > 3 && shared < letters.length;
  return isLong ? `…${letters.slice(shared).join("")}` : v.name;
}

function timeText(v, frame) {
  return v.fps ? `${timeAt(v, frame).toFixed(2)} s` : `frame ${Math.floor(frame)}`;
}

function span(v, s) {
  const time = timeAt(v, s.end) - timeAt(v, s.start);
  return v.fps ? `${time.toFixed(2)} s` : `${time} frames`;
}

// ---- Common time ---------------------------------------------------------------

const toPlace = (v, frame) => placeOf(v.warp, frame);
const toFrame = (v, place) => frameIn(v.warp, place);

// ---- The moment ----------------------------------------------------------------

let lead = videos[0];
let frame = 0;
let playing = false;
let lastTick = 0;
let lastUnsure = -1;
let held = null; // a moment that waits for the same one of another recording

function frameOf(v) {
  if (v === lead) return frame;
  return v === held?.v ? held.frame : snapped(toFrame(v, toPlace(lead, frame)));
}

// Rounding is not to show the frame before a whole one.
function snapped(at) {
  const whole = Math.round(at);
  return Math.abs(at - whole) < 1e-6 ? whole : at;
}

const here = () => segmentAt(lead.segments, frame);

function goTo(v, at, { quiet = false } = {}) {
  const changed = v !== lead;
  lead = v;
  frame = Math.min(Math.max(at, 0), v.length - 1);
  if (changed) {
    showPlayers();
    revealFigure();
    if ($("filter").value === "lead") showSteps();
  }
  seekPlayers();
  reveal();
  keepInView();
  draw();
  showSegment();
  if (!quiet) tell();
}

function tell(prefix = "") {
  const i = here();
  const s = lead.segments[i];
  $("status").replaceChildren(
    prefix,
    isolate(lead.name),
    `, ${timeText(lead, frame)}: `,
    isolate(actionName(s.code)),
    ` (segment ${i + 1} of ${lead.segments.length}${isChecked(s) ? ", checked" : ""})`,
  );
}

// A name that is read from right to left leaves what is around it where it is.
function isolate(name) {
  const made = document.createElement("bdi");
  made.textContent = name;
  return made;
}

function step(frames) {
  goTo(lead, Math.floor(frame) + frames);
}

function skip(seconds) {
  const at = Math.floor(frame);
  const goal = Math.round(later(lead, at, seconds));
  goTo(lead, goal === at ? at + seconds : goal);
}

function jump(direction) {
  const at = Math.floor(frame);
  const edges = lead.segments.slice(1).map((s) => s.start);
  const goal =
    direction > 0 ? edges.find((e) => e > at) : edges.findLast((e) => e < at);
  if (goal !== undefined) goTo(lead, goal);
  else tell(direction > 0 ? "No later boundary. " : "No earlier boundary. ");
}

function nextUnsure() {
  for (let n = 1; n <= unsure.length; n += 1) {
    const place = (lastUnsure + n) % unsure.length;
    const { v, frame: at } = unsure[place];
    const i = v.segments.findIndex((s) => s.start === at);
    if (i > 0 && !isSeen(v.segments, i)) {
      lastUnsure = place;
      goTo(v, at);
      return;
    }
  }
  tell("No boundary is left to look at. ");
}

function setPlaying(on) {
  playing = on;
  $("play").textContent = on ? "Pause" : "Play";
  if (on) {
    if (frame >= lead.length - 1) frame = 0;
    lastTick = performance.now();
    requestAnimationFrame(tick);
  } else {
    for (const v of shown()) stopPlayer(v);
    seekPlayers();
    showSegment();
    tell();
  }
}

function tick(now) {
  if (!playing) return;
  const passed = Math.max(0, now - lastTick) / 1000;
  lastTick = now;
  frame = later(lead, frame, passed * Number($("speed").value));
  if (frame >= lead.length - 1) {
    frame = lead.length - 1;
    setPlaying(false);
    draw();
    return;
  }
  followPlayers();
  keepInView();
  draw();
  requestAnimationFrame(tick);
}

// ---- Players -------------------------------------------------------------------

const withMedia = videos.filter((v) => v.media !== null);
const withPicture = videos.filter((v) => v.media !== null || v.pose);
let sound = false;

function shown() {
  const place = Math.max(withPicture.indexOf(lead), 0);
  const first = place - (place % PAGE);
  return withPicture.slice(first, first + PAGE);
}

function showPlayers() {
  const now = shown();
  for (const v of withMedia) {
    if (!now.includes(v) && v.player) {
      v.player.pause();
      v.player.removeAttribute("src");
      v.player.load();
      v.player = null;
    }
  }
  if (now.some((v) => !v.figure?.isConnected)) {
    $("players").replaceChildren(...now.map((v) => v.figure ?? makeFigure(v)));
    for (const v of now) if (v.media !== null && !v.player) attachPlayer(v);
  }
  for (const v of now) {
    v.figure.classList.toggle("lead", v === lead);
    v.figure.classList.toggle("held", v === held?.v);
    if (v.player) v.player.muted = !sound || v !== lead;
  }
}

function makeFigure(v) {
  v.figure = document.createElement("figure");
  v.caption = document.createElement("figcaption");
  v.caption.textContent = ownName(v);
  v.caption.title = v.name;
  v.figure.append(v.caption);
  if (v.media === null) addDrawing(v);
  v.figure.addEventListener("click", () => goTo(v, frameOf(v)));
  return v.figure;
}

// Among the pictures: the page stays where it is.
function revealFigure() {
  if (!lead.figure?.isConnected) return;
  const pictures = $("players");
  const top = lead.figure.offsetTop - pictures.offsetTop;
  const end = top + lead.figure.offsetHeight - pictures.clientHeight;
  pictures.scrollTop = Math.max(Math.min(pictures.scrollTop, top), end);
}

function addDrawing(v) {
  v.drawing = document.createElement("canvas");
  v.drawing.setAttribute("role", "img");
  v.drawing.setAttribute("aria-label", `Pose of ${v.name}`);
  v.figure.prepend(v.drawing);
}

// A file that cannot be played gives way to the figure, if there is one.
function giveUp(v) {
  v.caption.textContent = `${v.name}: this file cannot be played here`;
  v.caption.classList.add("whole");
  if (!v.pose || v.drawing) return;
  v.player.hidden = true;
  addDrawing(v);
  draw();
}

function attachPlayer(v) {
  const player = document.createElement("video");
  player.muted = !sound || v !== lead;
  player.playsInline = true;
  player.preload = "auto";
  player.setAttribute("aria-label", v.name);
  player.addEventListener("error", () => {
    if (v.player === player) giveUp(v);
  });
  player.addEventListener("loadedmetadata", () => seek(v));
  player.addEventListener("seeked", () => {
    if (playing) return;
    if (Math.abs(player.currentTime - wanted(v)) > 0.25 / v.fps) seek(v);
    else if (v.stopped) showAgain(v);
  });
  player.src = v.media;
  v.figure.querySelector("video")?.remove();
  v.figure.prepend(player);
  player.hidden = Boolean(v.drawing);
  v.player = player;
}

// The middle of a frame, so that rounding shows no neighbour.
function wanted(v) {
  return clipTime(v, Math.floor(frameOf(v)) + 0.5, v.player.duration);
}

function seek(v) {
  const player = v.player;
  if (!player || player.readyState < 1 || player.seeking) return;
  const last = Math.max(player.duration - 0.5 / v.fps, 0);
  const goal = Math.min(wanted(v), last);
  if (Math.abs(player.currentTime - goal) > 1e-4) player.currentTime = goal;
}

function stopPlayer(v) {
  if (!v.player || v.player.paused) return;
  v.player.pause();
  v.stopped = true;
}

// On a busy machine, a picture that was on its way when a player stopped may come after
// the one that was sought, and stay. So the player is sent there once more, two frames of
// the page later, when both pictures have been drawn: a little aside, as browsers leave out
// a seek to where a player is.
function showAgain(v) {
  const player = v.player;
  const seekAside = () => {
    if (playing || v.player !== player || player.seeking) return;
    player.currentTime -= 0.05 / v.fps;
  };
  v.stopped = false;
  requestAnimationFrame(() => requestAnimationFrame(seekAside));
}

function seekPlayers() {
  if (!playing) for (const v of shown()) seek(v);
}

function slope(v) {
  const half = (lead.fps ?? 25) / 4;
  const [a, b] = [Math.max(frame - half, 0), Math.min(frame + half, lead.length - 1)];
  if (v === lead || b <= a) return 1;
  if (v === held?.v) return 0;
  const [from, to] = [a, b].map((at) => toFrame(v, toPlace(lead, at)));
  return (timeAt(v, to) - timeAt(v, from)) / (timeAt(lead, b) - timeAt(lead, a));
}

function followPlayers() {
  for (const v of shown()) {
    const player = v.player;
    if (!player || player.readyState < 2 || player.seeking) continue;
    const goal = clipTime(v, frameOf(v) + 0.5, player.duration);
    const late = goal - player.currentTime;
    const rate = slope(v) * Number($("speed").value);
    if (Math.abs(late) > 2 / v.fps) {
      // Aims ahead, for the time that a seek takes.
      player.currentTime = Math.min(goal + 0.05 * rate, player.duration || goal);
      continue;
    }
    const steered = rate + 4 * late;
    if (steered < 0.07 || goal > player.duration) {
      player.pause();
    } else {
      player.playbackRate = Math.min(steered, 16);
      if (player.paused) player.play().catch(() => {});
    }
  }
}

function hear() {
  sound = !sound;
  $("sound").textContent = sound ? "Sound on" : "Sound off";
  showPlayers();
}

function paintPose(v) {
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [v.drawing.clientWidth, v.drawing.clientHeight];
  const [wide, high] = [Math.round(w * scale), Math.round(h * scale)];
  if (v.drawing.width !== wide || v.drawing.height !== high) {
    v.drawing.width = wide;
    v.drawing.height = high;
  }
  const ink = v.drawing.getContext("2d");
  ink.setTransform(scale, 0, 0, scale, 0, 0);
  ink.clearRect(0, 0, w, h);
  const share = v.length > 1 ? frameOf(v) / (v.length - 1) : 0;
  const size = Math.min(w, h) / 2 - 6;
  const points = pointsAt(v.pose, share, (Number($("turn").value) * Math.PI) / 180).map(
    (point) => point && [w / 2 + size * point[0], h / 2 + size * point[1]],
  );
  ink.strokeStyle = theme.accent;
  ink.lineWidth = 2;
  ink.beginPath();
  for (const [a, b] of data.poses.edges) {
    if (points[a] && points[b]) {
      ink.moveTo(...points[a]);
      ink.lineTo(...points[b]);
    }
  }
  ink.stroke();
  ink.fillStyle = theme.ink;
  for (const point of points) {
    if (point) ink.fillRect(point[0] - 1.5, point[1] - 1.5, 3, 3);
  }
}

// ---- Rows ----------------------------------------------------------------------

const canvas = $("canvas");
const pen = canvas.getContext("2d");
const box = $("rows");
const longest = Math.max(...videos.map((v) => elapsed(v, v.length)));
const mostFrames = Math.max(...videos.map((v) => v.length));
const hasCurves = videos.some((v) => v.curves);
const rowHeight = hasCurves ? 62 : 28;
let gutter = 130;
let width = 0;
let height = 0;
let common = true;
let view = WHOLE;
let isPrinting = false;
let drag = null;
let queued = false;
const theme = {};

function layout() {
  width = box.clientWidth;
  gutter = width < 600 ? 76 : Math.min(Math.max(150, Math.round(0.12 * width)), 300);
  const all = top() + rowHeight * videos.length;
  const room = Math.max(180, Math.floor(window.innerHeight * 0.7));
  height = isPrinting ? all : Math.min(all, room);
  $("space").style.height = `${all}px`;
  const scale = Math.min(window.devicePixelRatio || 1, TALLEST / height);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "soft", "line", "accent", "empty"]) {
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  }
  if (isPrinting) paint();
  else draw();
}

// All rows are printed, and not those alone that are in view.
function print(on) {
  if (isPrinting === on) return;
  isPrinting = on;
  box.scrollTop = 0;
  layout();
  showLegend();
}

function top() {
  return AXIS + (common && data.density ? 34 : 0);
}

const shareOf = (v, at) =>
  common ? toPlace(v, at) / data.scale : elapsed(v, at) / longest;

function xOf(share) {
  return gutter + ((share - view.from) / (view.to - view.from)) * (width - gutter - 8);
}

const toX = (v, at) => xOf(shareOf(v, at));

function shareAt(x) {
  const part = Math.min(Math.max((x - gutter) / (width - gutter - 8), 0), 1);
  return view.from + part * (view.to - view.from);
}

const isInView = (x) => x >= gutter - 0.5 && x <= width - 7.5;

function fromX(v, x) {
  const share = shareAt(x);
  const at = common
    ? toFrame(v, share * data.scale)
    : frameAt(v, timeAt(v, 0) + share * longest);
  return Math.min(at, v.length - 1);
}

function rowAt(y) {
  const row = Math.floor((y + box.scrollTop - top()) / rowHeight);
  return y < top() ? null : (videos[row] ?? null);
}

function reveal() {
  const y = lead.index * rowHeight;
  const room = height - top() - rowHeight;
  if (y < box.scrollTop) box.scrollTop = y;
  else if (y > box.scrollTop + room) box.scrollTop = y - room;
}

function setView(wanted) {
  view = wanted;
  draw();
}

function keepInView() {
  setView(show(view, shareOf(lead, frame)));
}

function zoomBy(factor, at = shareOf(lead, frame)) {
  setView(zoom(view, factor, at, Math.min(CLOSE / mostFrames, 1)));
}

function colour(code) {
  return code < 0 ? theme.empty : data.colours[code % data.colours.length];
}

function inkOn(background) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(background.slice(i, i + 2), 16) / 255);
  const light = 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2;
  return light > 0.18 ? "#000000" : "#ffffff";
}

function fillAction(ink, code, x, y, w, h) {
  ink.fillStyle = colour(code);
  ink.fillRect(x, y, w, h);
  const turn = Math.floor(code / data.colours.length);
  if (turn < 1) return;
  ink.save();
  ink.beginPath();
  ink.rect(x, y, w, h);
  ink.clip();
  ink.strokeStyle = inkOn(colour(code));
  ink.beginPath();
  for (let at = x - h; at < x + w; at += 4 + 4 * turn) {
    ink.moveTo(at, y + h);
    ink.lineTo(at + h, y);
  }
  ink.stroke();
  ink.restore();
}

function draw() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    paint();
  });
}

function paint() {
  pen.fillStyle = theme.paper;
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = "middle";
  const first = Math.max(0, Math.floor(box.scrollTop / rowHeight));
  pen.font = "bold 13px system-ui, sans-serif";
  for (let i = first; i < videos.length; i += 1) {
    const y = top() + i * rowHeight - box.scrollTop;
    if (y > height) break;
    paintRow(videos[i], y);
  }
  paintHead();
  for (const v of shown()) if (v.drawing) paintPose(v);
}

function paintRow(v, y) {
  if (v === lead) {
    pen.fillStyle = theme.accent;
    pen.fillRect(0, y + 2, 4, rowHeight - 4);
  }
  pen.font = `${v === lead ? "bold " : ""}13px system-ui, sans-serif`;
  pen.fillStyle = theme.ink;
  pen.fillText(fitName(v, gutter - 14), 8, y + 14);
  pen.font = "12px system-ui, sans-serif";
  let before = 0; // pixels of the segment before
  v.segments.forEach((s, i) => {
    const x = toX(v, s.start);
    const end = i + 1 < v.segments.length ? s.end : v.length - (common ? 1 : 0);
    // The last frame alone would have no width.
    const stop = Math.max(toX(v, end), x + (i + 1 < v.segments.length ? 0 : 3));
    const [from, to] = [Math.max(x, gutter), Math.min(stop, width - 5)];
    const w = to - from;
    const isNarrow = Math.min(before, stop - x) < THIN;
    before = stop - x;
    if (w <= 0) return;
    fillAction(pen, s.code, from, y + 3, w, 22);
    if (i > 0 && x >= gutter && !isNarrow) {
      const seen = isSeen(v.segments, i);
      pen.fillStyle = seen ? theme.ink : theme.paper;
      pen.fillRect(x - (seen ? 1 : 0.5), y + 3, seen ? 2 : 1, 22);
    }
    const text = (isChecked(s) ? "✓ " : "") + (s.code < 0 ? "" : actionName(s.code));
    if (w > 24 && text) {
      pen.fillStyle = s.code < 0 ? theme.ink : inkOn(colour(s.code));
      pen.fillText(fit(text, w - 8), from + 4, y + 14);
    }
  });
  if (v.curves) paintCurves(v, y + 29);
  paintAnchors(v, y + 14);
  const x = toX(v, frameOf(v));
  if (!isInView(x)) return;
  pen.fillStyle = theme.paper;
  pen.fillRect(x - 2, y, 4, rowHeight);
  pen.fillStyle = theme.ink;
  pen.fillRect(x - 1, y, 2, rowHeight);
}

function paintAnchors(v, y) {
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  const mark = (at, text) => {
    const x = toX(v, at);
    if (!isInView(x)) return;
    pen.fillStyle = theme.ink;
    pen.beginPath();
    for (const [across, down] of [[0, -9], [9, 0], [0, 9], [-9, 0]]) {
      pen.lineTo(x + across, y + down);
    }
    pen.fill();
    pen.fillStyle = theme.paper;
    pen.fillText(text, x, y + 1);
  };
  anchors.forEach(([a, f, b, g], i) => {
    if (a === v.index) mark(f, String(i + 1));
    if (b === v.index) mark(g, String(i + 1));
  });
  if (v === held?.v) mark(held.frame, "?");
  pen.textAlign = "start";
}

function paintCurves(v, y) {
  const n = v.curves.length / data.features.length;
  const inks = [theme.ink, theme.accent, theme.soft];
  const dashes = [[], [5, 2], [1, 2]];
  pen.save();
  pen.beginPath();
  pen.rect(gutter, y - 1, width - gutter - 8, 30);
  pen.clip();
  pen.lineWidth = 1;
  for (let f = 0; f < data.features.length; f += 1) {
    pen.strokeStyle = inks[f % inks.length];
    pen.setLineDash(dashes[f % dashes.length]);
    pen.beginPath();
    for (let i = 0; i < n; i += 1) {
      const x = toX(v, n > 1 ? (i / (n - 1)) * (v.length - 1) : 0);
      pen.lineTo(x, y + 28 * (1 - v.curves[f * n + i] / 255));
    }
    pen.stroke();
  }
  pen.restore();
}

function paintHead() {
  pen.fillStyle = theme.paper;
  pen.fillRect(0, 0, width, top());
  pen.fillStyle = theme.soft;
  pen.font = "12px system-ui, sans-serif";
  const room = width - gutter - 8;
  const end = common ? 1 : longest;
  const [low, high] = [view.from * end, view.to * end];
  const size = niceStep((high - low) / Math.max(2, Math.floor(room / 90)));
  for (let i = Math.ceil(low / size - 1e-4); i * size <= high + 1e-4 * size; i += 1) {
    const x = xOf((i * size) / end);
    pen.fillRect(x, top() - 5, 1, 5);
    const text = Number((i * size).toPrecision(6)).toString();
    pen.fillText(text, Math.min(x + 3, width - 24), 10);
  }
  const unit = videos[0].fps ? "s" : "frames";
  pen.fillText(fit(common ? data.common : unit, gutter - 12), 8, 10);
  if (!common || !data.density) return;
  pen.fillText(fit(`0 to ${videos.length} recordings`, gutter - 12), 8, AXIS + 16);
  pen.fillStyle = theme.line;
  const n = data.density.length;
  data.density.forEach((count, i) => {
    const h = (28 * count) / videos.length;
    const from = Math.max(xOf(i / n), gutter);
    const to = Math.min(xOf((i + 1) / n) + 0.6, width - 8);
    if (to > from) pen.fillRect(from, AXIS + 28 - h, to - from, h);
  });
}

function niceStep(atLeast) {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return [1, 2, 5, 10].map((f) => f * power).find((s) => s >= atLeast * 0.9999);
}

function fit(text, room) {
  if (room <= 0) return "";
  if (pen.measureText(text).width <= room) return text;
  const letters = [...text]; // some take two places of a string
  const cut = (n) => `${letters.slice(0, n).join("")}…`;
  let low = 0;
  let high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(cut(middle)).width <= room) low = middle;
    else high = middle - 1;
  }
  return low ? cut(low) : "";
}

// Names of a series differ at their ends, or where what they share ends.
function fitName(v, room) {
  const text = pen.measureText(v.name).width <= room ? v.name : ownName(v);
  const letters = [...text];
  for (let n = letters.length; n > 0; n -= 1) {
    const head = letters.slice(0, Math.ceil(n / 2)).join("");
    const tail = letters.slice(letters.length - Math.floor(n / 2)).join("");
    const short = n === letters.length ? text : `${head}…${tail}`;
    if (pen.measureText(short).width <= room) return short;
  }
  return "";
}

function boundaryNear(v, x) {
  let best = -1;
  let least = GRAB;
  const edges = v.segments.map((s) => toX(v, s.start));
  edges.push(toX(v, v.length));
  for (let i = 1; i < v.segments.length; i += 1) {
    const far = Math.abs(edges[i] - x);
    const room = Math.min(edges[i] - edges[i - 1], edges[i + 1] - edges[i]) / 4;
    if (far <= Math.min(least, room)) {
      least = far;
      best = i;
    }
  }
  return best;
}

function place(event) {
  const area = canvas.getBoundingClientRect();
  return [event.clientX - area.left, event.clientY - area.top];
}

canvas.addEventListener("pointerdown", (event) => {
  if (drag) return; // a second finger
  const [x, y] = place(event);
  const v = rowAt(y) ?? lead;
  if (event.button !== 0 || x < gutter - GRAB) {
    if (event.button === 0) goTo(v, frameOf(v));
    return;
  }
  const i = rowAt(y) ? boundaryNear(v, x) : -1;
  drag = { v, i, before: snapshot(), moved: false, x, pointer: event.pointerId };
  canvas.setPointerCapture(event.pointerId);
  goTo(v, fromX(v, x), { quiet: i > 0 });
});

canvas.addEventListener("pointermove", (event) => {
  const [x, y] = place(event);
  if (!drag) {
    const v = rowAt(y);
    canvas.title = v && x < gutter ? v.name : ""; // of which there may be a part
    canvas.style.cursor =
      v && x > gutter - GRAB && boundaryNear(v, x) > 0 ? "ew-resize" : "pointer";
    return;
  }
  if (event.pointerId !== drag.pointer) return;
  const at = fromX(drag.v, x);
  if (drag.i < 0) {
    goTo(drag.v, at, { quiet: true });
    return;
  }
  if (!drag.moved && Math.abs(x - drag.x) < 3) return;
  drag.moved = true;
  drag.v.segments = moveBoundary(drag.v.segments, drag.i, Math.round(at));
  goTo(drag.v, drag.v.segments[drag.i].start, { quiet: true });
});

function drop() {
  if (drag?.moved) done(drag.before);
  if (drag) tell();
  drag = null;
}

canvas.addEventListener("pointerup", (event) => {
  if (event.pointerId === drag?.pointer) drop();
});
// The finger scrolls instead.
canvas.addEventListener("pointercancel", (event) => {
  if (event.pointerId !== drag?.pointer) return;
  if (drag.moved) restore(drag.before);
  drag.moved = false;
  drop();
});
canvas.addEventListener(
  "wheel",
  (event) => {
    const [x] = place(event);
    if (event.ctrlKey || event.metaKey) zoomBy(2 ** (-event.deltaY / 200), shareAt(x));
    else if (event.shiftKey || event.deltaX) {
      setView(pan(view, (event.deltaX || event.deltaY) / (width - gutter)));
    } else return;
    event.preventDefault();
  },
  { passive: false },
);
box.addEventListener("scroll", draw);
window.addEventListener("resize", layout);
new ResizeObserver(layout).observe(box); // scroll bars come and go
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  layout();
  showLegend();
});
window.addEventListener("beforeprint", () => print(true));
window.addEventListener("afterprint", () => print(false));
matchMedia("print").addEventListener("change", (event) => print(event.matches));

// ---- Corrections ---------------------------------------------------------------

const past = [];
const future = [];

function snapshot() {
  return { actions, anchors, segments: videos.map((v) => v.segments) };
}

function restore(state) {
  actions = state.actions;
  videos.forEach((v, i) => {
    v.segments = state.segments[i];
  });
  setAnchors(state.anchors);
  showAll();
}

function setAnchors(wanted) {
  anchors = wanted;
  const { pins } = pinsOf(warps, anchors);
  for (const v of videos) v.warp = bend(warps[v.index], pins[v.index]);
  seekPlayers();
}

function done(before) {
  past.push(before);
  future.length = 0;
  keep();
  showAll();
}

function edit(change) {
  const before = snapshot();
  if (change() === false) return;
  done(before);
  tell();
}

function travel(from, to, word) {
  if (!from.length) {
    tell(`Nothing to ${word}. `);
    return;
  }
  to.push(snapshot());
  restore(from.pop());
  keep();
  goTo(lead, frame);
}

const undo = () => travel(past, future, "undo");
const redo = () => travel(future, past, "redo");

function boundaryHere(which) {
  const i = here();
  const at = Math.floor(frame);
  const [place, goal] = which === "start" ? [i, at] : [i + 1, at + 1];
  if (place < 1 || place >= lead.segments.length) {
    tell("The recording ends there. ");
    return;
  }
  change(moveBoundary(lead.segments, place, goal));
}

// Give the chosen recording other segments; where there are none, say why.
function change(segments, problem) {
  if (!segments) {
    tell(problem);
    return;
  }
  edit(() => {
    lead.segments = segments;
  });
}

// Give the segment the action of the list. Keys walk through the list and choose every
// action on their way, which joins neighbours: until it is left, only the last one counts.
let chosen = null;

function choose() {
  const code = Number($("label").value);
  const at = Math.floor(frame);
  if (lead.segments === chosen?.rows && chosen.start <= at && at < chosen.end) {
    restore(past.pop());
  }
  const i = here();
  const { start, end } = lead.segments[i];
  change(relabel(lead.segments, i, code));
  chosen = { rows: lead.segments, start, end };
}

// Hold a moment, or say that it is the same as the one that is held.
function anchor() {
  const at = Math.floor(frame);
  if (!held || held.v === lead) {
    held = { v: lead, frame: at };
    showPlayers();
    draw();
    tell("Held. Go to the same moment of another recording, and press a again. ");
    return;
  }
  const more = [...anchors, [held.v.index, held.frame, lead.index, at]];
  if (pinsOf(warps, more).skipped.includes(anchors.length)) {
    tell("This contradicts the anchors that there are. ");
    return;
  }
  held = null; // players seek once, to where the anchor has them
  showPlayers();
  edit(() => setAnchors(more));
}

function release() {
  held = null;
  showPlayers();
  seekPlayers();
  draw();
}

function removeAnchor(i) {
  edit(() => setAnchors(anchors.toSpliced(i, 1)));
}

function newName() {
  const text = $("name").value.trim();
  if (!text) tell("Type a name first. ");
  else if (text === NO_ACTION) tell("What has no action is called so. ");
  else return text;
  return null;
}

// The keys are those of the page again.
function named(prefix) {
  $("name").value = "";
  $("name").blur();
  tell(prefix);
}

// Names that differ in their capitals alone are two actions, and seldom meant as two.
function warnOfCapitals(text, code) {
  const like = actions.find(
    (name, i) => i !== code && name !== text && name.toLowerCase() === text.toLowerCase(),
  );
  return like === undefined ? "" : `Mind that there is an action ${like} as well. `;
}

function rename() {
  const s = lead.segments[here()];
  if (s.code < 0) {
    tell("This segment has no action. ");
    return;
  }
  const text = newName();
  if (text === null) return;
  const other = actions.indexOf(text);
  if (other === s.code) {
    named("It is called so. ");
  } else if (other >= 0) {
    edit(() => {
      for (const v of videos) v.segments = join(v.segments, s.code, other);
    });
    named(`${actions[s.code]} and ${text} are one action now; undo parts them. `);
  } else {
    edit(() => {
      actions = actions.with(s.code, text);
    });
    named(warnOfCapitals(text, s.code));
  }
}

function addAction() {
  const text = newName();
  if (text === null) return;
  if (actions.includes(text)) {
    tell(`There is an action ${text} already; choose it in the list. `);
    return;
  }
  const i = here();
  edit(() => {
    actions = [...actions, text];
    lead.segments = relabel(lead.segments, i, actions.length - 1);
  });
  named(warnOfCapitals(text, actions.length - 1));
}

// Twice, as nothing brings corrections back once the page is closed.
let isAsked = false;

function ask(on) {
  isAsked = on;
  $("reset").textContent = on ? "Press again to discard" : "Discard all corrections";
}

function reset() {
  if (!isAsked) {
    ask(true);
    return;
  }
  ask(false);
  edit(() => {
    if (!isEdited()) return false;
    release();
    restore(original);
    return true;
  });
}

function isEdited() {
  return (
    actions !== original.actions ||
    anchors !== original.anchors ||
    videos.some((v, i) => v.segments !== original.segments[i])
  );
}

// ---- Kept in this browser ------------------------------------------------------

// All pages of a disk share one memory, and two of them may have the same segments.
const drawer = `skvas report ${data.id} ${location.pathname}`;
let isLost = false; // corrections that are in no file, and not kept here

function warnOfLoss(on) {
  $("lost").hidden = !on;
}

function corrected() {
  if (!isEdited()) return null;
  const changed = {};
  for (const v of videos) {
    if (v.segments !== original.segments[v.index]) changed[v.index] = v.segments;
  }
  return { actions, anchors, changed };
}

function keep() {
  const isKept = writeDrawer(drawer, corrected());
  isLost = !isKept && isEdited();
  warnOfLoss(!isKept);
}

window.addEventListener("beforeunload", (event) => {
  if (isLost) event.preventDefault();
});

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function recall() {
  const kept = readDrawer(drawer) ?? { ...original, changed: {} };
  try {
    const segments = original.segments.map(
      (found, i) =>
        kept.changed[i]?.map((s) => segment(s.start, s.end, s.code, s.left, s.right)) ??
        found,
    );
    const whole = segments.every((rows, i) =>
      isWhole(rows, videos[i].length, kept.actions.length),
    );
    if (!whole) return;
    restore({
      actions: same(kept.actions, original.actions) ? original.actions : kept.actions,
      anchors: same(kept.anchors, original.anchors) ? original.anchors : kept.anchors,
      segments,
    });
  } catch {
    writeDrawer(drawer, null);
  }
}

// The same page in another tab has corrected something.
window.addEventListener("storage", (event) => {
  // An event may come late, of what this page has read already.
  if (event.key !== drawer || same(readDrawer(drawer), corrected())) return;
  drag = null; // of a boundary that may be gone
  past.push(snapshot());
  future.length = 0;
  recall();
  goTo(lead, frame);
});

// ---- Downloads -----------------------------------------------------------------

function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Many rounds of corrections are as many files.
function dated(now) {
  const local = new Date(now.getTime() - 60000 * now.getTimezoneOffset()).toISOString();
  return `corrections ${local.slice(0, 10)} ${local.slice(11, 16).replace(":", ".")}.json`;
}

function saveCorrections() {
  const saved = JSON.stringify(asCorrections(videos, anchors, labelOf));
  download(dated(new Date()), "application/json", saved);
  isLost = false;
}

async function load(file) {
  let read = null;
  try {
    const codeOf = (label) => {
      const code = actions.findIndex((_, i) => labelOf(i) === label);
      return code < 0 ? undefined : code;
    };
    read = readCorrections(await file.text(), videos, actions, codeOf);
  } catch (error) {
    tell(`${file.name} is not taken: ${error.message}. `);
    return;
  }
  edit(() => {
    const fresh = read.anchors.filter((a) => !anchors.some((b) => same(a, b)));
    const more = [...anchors, ...fresh];
    const { skipped } = pinsOf(warps, more);
    actions = same(read.actions, actions) ? actions : read.actions;
    videos.forEach((v, i) => {
      v.segments = read.segments[i];
    });
    setAnchors(more.filter((_, i) => i < anchors.length || !skipped.includes(i)));
  });
  const gone = read.missing.join(", ");
  tell(`${file.name} is loaded. ${gone ? `Not on this page: ${gone}. ` : ""}`);
}

// An action that was not renamed keeps the label that fit gave it. Others have their
// name, or where labels are numbers and so is the name, that number.
function labelOf(code) {
  const name = actions[code];
  if (name === original.actions[code]) return data.labels[code];
  const isNumber = /^(0|[1-9]\d*)$/.test(name) && data.labels.every(Number.isInteger);
  return isNumber ? Number(name) : name;
}

// ---- Lists ---------------------------------------------------------------------

// The digit that gives an action: its name where some action is called by a digit, else
// its place in the list.
function digits() {
  const called = actions.map((_, code) => [code, actionName(code)]);
  const byName = called.filter(([, name]) => /^[0-9]$/.test(name));
  const byPlace = called.slice(0, 9).map(([code]) => [code, String(code + 1)]);
  return new Map(byName.length > 0 ? byName : byPlace);
}

function showLegend() {
  const used = new Set(videos.flatMap((v) => v.segments.map((s) => s.code)));
  const codes = actions.map((_, code) => code);
  $("legend").replaceChildren(
    ...[...codes, ...(used.has(-1) ? [-1] : [])].map((code) => {
      const item = document.createElement("li");
      const chip = document.createElement("canvas");
      chip.width = 16;
      chip.height = 12;
      chip.setAttribute("aria-hidden", "true");
      fillAction(chip.getContext("2d"), code, 0, 0, 16, 12);
      item.append(chip, actionName(code));
      const digit = code < 0 ? undefined : digits().get(code);
      if (digit !== undefined) item.title = `key ${digit}`;
      return item;
    }),
  );
  $("label").replaceChildren(
    ...[...codes, -1].map((code) => new Option(actionName(code), String(code))),
  );
}

function showSegment() {
  $("label").value = String(lead.segments[here()].code);
}

function statusOf(v, s) {
  if (isChecked(s)) return { status: "checked", z: null };
  return found.get(key(v, s)) ?? { status: "corrected", z: null };
}

function stepRows() {
  const which = $("filter").value;
  const rows = [];
  for (const v of which === "lead" ? [lead] : videos) {
    for (const s of v.segments) {
      const { status, z } = statusOf(v, s);
      const odd = !["usual", "checked", "corrected"].includes(status);
      if (s.code >= 0 && (which !== "unusual" || odd)) rows.push({ v, s, status, z });
    }
    const there = new Set(v.segments.map((s) => s.code));
    for (const code of v.skipped) {
      if (!there.has(code)) rows.push({ v, code, status: "skipped", z: null });
    }
  }
  return rows;
}

function showSteps() {
  const rows = stepRows();
  const most = $("filter").value === "lead" ? rows.length : LIMIT;
  const focused = [...$("steps").rows].findIndex((r) => r.contains(document.activeElement));
  const made = rows.slice(0, most).map(({ v, s, code, status, z }) => {
    const row = document.createElement("tr");
    const texts = [
      v.name,
      actionName(s ? s.code : code),
      s ? timeText(v, s.start) : "",
      s ? span(v, s) : "",
      z === null ? "" : z.toFixed(1),
      status.replaceAll("_", " "),
    ];
    for (const text of texts) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    if (s) {
      const button = makeButton(() => goTo(v, s.start), texts[1]);
      button.setAttribute("aria-label", `Go to ${texts[1]} of ${v.name}`);
      row.children[1].replaceChildren(button);
    }
    return row;
  });
  $("steps").replaceChildren(...made);
  if (focused >= 0) {
    const next = made.slice(0, focused + 1).findLast((r) => r.querySelector("button"));
    (next?.querySelector("button") ?? box).focus({ preventScroll: true });
  }
  $("more").textContent =
    rows.length > most
      ? `The first ${LIMIT} of ${rows.length}; choose a recording to see all of its steps.`
      : rows.length
        ? ""
        : "Nothing.";
}

function makeButton(act, ...content) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(...content);
  made.addEventListener("click", act);
  return made;
}

function showAnchors() {
  $("anchors").replaceChildren(
    ...anchors.map(([a, f, b, g], i) => {
      const item = document.createElement("li");
      const [one, other] = [videos[a], videos[b]];
      const show = makeButton(
        () => goTo(other, g),
        isolate(one.name),
        `, ${timeText(one, f)} = `,
        isolate(other.name),
        `, ${timeText(other, g)}`,
      );
      const remove = makeButton(() => removeAnchor(i), "Remove");
      remove.setAttribute("aria-label", `Remove anchor ${i + 1}`);
      item.append(show, " ", remove);
      return item;
    }),
  );
  $("anchors").hidden = !anchors.length;
}

function showAll() {
  showLegend();
  showSegment();
  showSteps();
  showAnchors();
  disable("undo", !past.length, "redo");
  disable("redo", !future.length, "undo");
  disable("reset", !isEdited(), "undo");
  ask(false);
  showChecked();
  draw();
}

// A button that goes gives the focus to another one.
function disable(id, off, heir) {
  const isFocused = document.activeElement === $(id);
  $(id).disabled = off;
  if (off && isFocused) {
    $(heir).disabled = false; // what was done can be undone
    $(heir).focus();
  }
}

function showChecked() {
  const all = videos.flatMap((v) => v.segments);
  const checked = all.filter(isChecked).length;
  const halves = all.filter((s) => s.left !== s.right).length;
  const done = videos.filter((v) => v.segments.every(isChecked)).length;
  $("edited").textContent =
    `Segments checked: ${checked} of ${all.length}` +
    (halves ? `, and half of ${halves} more` : "") +
    `; recordings: ${done} of ${videos.length}. The next fit takes these as labels.`;
}

// ---- Controls ------------------------------------------------------------------

const row = (by) => {
  const v = videos[lead.index + by];
  if (v) goTo(v, frameOf(v));
};
const keys = {
  k: () => setPlaying(!playing),
  j: () => skip(-1),
  l: () => skip(1),
  J: () => skip(-10),
  L: () => skip(10),
  "+": () => zoomBy(2),
  "=": () => zoomBy(2),
  "-": () => zoomBy(0.5),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ArrowUp: () => row(-1),
  ArrowDown: () => row(1),
  "[": () => jump(-1),
  "]": () => jump(1),
  u: nextUnsure,
  i: () => boundaryHere("start"),
  o: () => boundaryHere("end"),
  s: () => change(split(lead.segments, frame), "A segment starts here already. "),
  m: () => change(merge(lead.segments, here()), "No segment follows. "),
  c: () => change(check(lead.segments, here())),
  a: anchor,
  h: hear,
  Escape: release,
  z: undo,
  y: redo,
};

// The key of `keys` that is meant; undefined leaves it to the browser.
function keyOf(event) {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // Many keyboards have brackets behind Alt or AltGr.
  if (event.altKey) return "[]".includes(event.key) ? event.key : undefined;
  if (event.ctrlKey || event.metaKey) {
    if (letter === "z") return event.shiftKey ? "y" : "z";
    return letter === "y" ? letter : undefined;
  }
  // Caps Lock writes capitals as well.
  return event.shiftKey && "jl".includes(letter) ? letter.toUpperCase() : letter;
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=range]), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const hasArrows = event.target.closest(".scroll, [type=range]");
  if (hasArrows && event.key.startsWith("Arrow")) return;
  const key = keyOf(event);
  const asked = [...digits()].find(([, digit]) => digit === key);
  const act = asked ? () => change(relabel(lead.segments, here(), asked[0])) : keys[key];
  if (!act) return;
  event.preventDefault();
  if (drag?.i > 0) drop(); // the boundary may be another one afterwards
  act();
});

// A list that was opened by a pointer leaves the keys to the page after a choice.
let pointed = false;
for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, () => {
    pointed = kind === "pointerdown";
  });
}
document.addEventListener("change", ({ target }) => {
  if (pointed && target.matches("select")) target.blur();
});

const clicks = {
  play: keys.k,
  previous: keys["["],
  next: keys["]"],
  unsure: nextUnsure,
  "zoom-in": keys["+"],
  "zoom-out": keys["-"],
  "start-here": keys.i,
  "end-here": keys.o,
  split: keys.s,
  merge: keys.m,
  check: keys.c,
  "check-all": () => change(check(lead.segments)),
  anchor,
  sound: hear,
  undo,
  redo,
  add: addAction,
  reset,
  "save-json": saveCorrections,
  "save-csv": () => download("segments.csv", "text/csv", asTable(videos, actionName)),
  "save-text": () =>
    download(`${lead.name}.txt`, "text/plain", asFrames(lead, actionName)),
  "save-elan": () =>
    download(
      `${lead.name}.eaf`,
      "text/xml",
      asElan(lead, actionName, new Date(), document.baseURI, lead.player?.duration),
    ),
};
for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
$("naming").addEventListener("submit", (event) => {
  event.preventDefault();
  rename();
});
$("load").addEventListener("change", () => {
  const [file] = $("load").files;
  if (file) load(file);
  $("load").value = ""; // the same file once more is a change as well
});
$("reset").addEventListener("blur", () => {
  // Where the window alone loses the focus, the button keeps it.
  if (document.activeElement !== $("reset")) ask(false);
});
$("label").addEventListener("change", choose);
$("label").addEventListener("blur", () => {
  chosen = null;
});
$("turn").addEventListener("input", draw);
$("pictures").addEventListener("change", () => {
  $("players").dataset.size = $("pictures").value;
  revealFigure();
  draw();
});
$("filter").addEventListener("change", showSteps);
$("axis").addEventListener("change", () => {
  common = $("axis").value === "common";
  view = WHOLE;
  layout();
});

// ---- Start ---------------------------------------------------------------------

$("summary").textContent = data.summary;
$("unsure").hidden = !unsure.length;
$("player-section").hidden = !withPicture.length;
$("sound").hidden = !withMedia.length;
$("turning").hidden = data.poses?.axes !== 3;
$("picture-size").hidden = !withPicture.length;
$("save-elan").disabled = !videos.every((v) => v.fps);
if ($("save-elan").disabled) $("save-elan").title = "Needs a frame rate";
warnOfLoss(!writeDrawer("skvas report", "") || !writeDrawer("skvas report", null));
setAnchors(anchors);
layout();
showPlayers();
recall();
showAll();
tell();
