// What the page computes, without a browser: `node --test tests/report/`.

import assert from "node:assert/strict";
import test from "node:test";

import { clipTime, elapsed, frameAt, later, timeAt, unpackTimes } from "../../skvas/report/clocks.mjs";
import { asCorrections, asElan, asFrames, asTable } from "../../skvas/report/downloads.mjs";
import { readDrawer, writeDrawer } from "../../skvas/report/drawer.mjs";
import { pointsAt, unpackPose } from "../../skvas/report/poses.mjs";
import {
  check,
  isSeen,
  isWhole,
  join,
  knownFrames,
  merge,
  moveBoundary,
  relabel,
  segment,
  segmentAt,
  split,
} from "../../skvas/report/segments.mjs";
import { pan, show, WHOLE, zoom } from "../../skvas/report/views.mjs";
import { bend, frameIn, interpolate, pinsOf, placeOf } from "../../skvas/report/warps.mjs";

const rows = (...parts) =>
  parts.map(([end, code, known = ""], i) =>
    segment(i ? parts[i - 1][0] : 0, end, code, known.includes("l"), known.includes("r")),
  );
const brief = (all) =>
  all.map((s) => [s.end, s.code, (s.left ? "l" : "") + (s.right ? "r" : "")]);

// Numbers between 0 and 1, the same in every run.
function draws(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

function someWarp(draw, length) {
  const frames = [0];
  const places = [0];
  while (frames[frames.length - 1] < length - 1) {
    const last = frames[frames.length - 1];
    frames.push(Math.min(last + 1 + Math.floor(draw() * 20), length - 1));
    places.push(places[places.length - 1] + (draw() < 0.2 ? 0 : draw()));
  }
  return { frames, places };
}

test("a warp passes its knots, and the middle of what is flat", () => {
  assert.equal(interpolate([0, 10, 20], [0, 1, 4], 15), 2.5);
  assert.equal(interpolate([0, 10], [3, 7], -5), 3);
  assert.equal(interpolate([0, 10], [3, 7], 50), 7);
  assert.equal(interpolate([0, 1, 1, 2], [0, 10, 20, 30], 1), 15);
});

test("a bent warp passes its pins and never falls", () => {
  for (let seed = 1; seed < 200; seed += 1) {
    const draw = draws(seed);
    const warps = [60, 80, 100].map((length) => someWarp(draw, length));
    const anchors = Array.from({ length: 6 }, () => {
      const a = Math.floor(draw() * 3);
      const b = (a + 1 + Math.floor(draw() * 2)) % 3;
      return [a, Math.floor(draw() * 60), b, Math.floor(draw() * 60)];
    });
    const { pins, skipped } = pinsOf(warps, anchors);
    const bent = warps.map((warp, i) => bend(warp, pins[i]));
    for (const { frames, places } of bent) {
      assert.ok(frames.every((f, i) => i === 0 || frames[i - 1] < f));
      assert.ok(places.every((p, i) => Number.isFinite(p) && (i === 0 || places[i - 1] <= p)));
    }
    const at = (i, frame) => interpolate(bent[i].frames, bent[i].places, frame);
    anchors.forEach(([a, f, b, g], i) => {
      if (skipped.includes(i)) return;
      assert.ok(Math.abs(at(a, f) - at(b, g)) < 1e-9);
      assert.equal(frameIn(bent[b], placeOf(bent[a], f)), g);
      assert.equal(frameIn(bent[a], placeOf(bent[b], g)), f);
    });
    assert.ok(!skipped.includes(0));
  }
});

test("without pins a warp stays as it is", () => {
  const warp = { frames: [0, 9], places: [0, 1] };
  assert.equal(bend(warp, []), warp);
});

test("the first recording of an anchor stays where it was", () => {
  const warp = { frames: [0, 100], places: [0, 100] };
  const { pins } = pinsOf([warp, warp], [[0, 30, 1, 50]]);
  const [first, second] = pins.map((some) => bend(warp, some));
  assert.ok(Math.abs(interpolate(first.frames, first.places, 30) - 30) < 1e-3);
  assert.ok(Math.abs(interpolate(second.frames, second.places, 50) - 30) < 1e-3);
  assert.ok(Math.abs(interpolate(second.frames, second.places, 75) - 65) < 1e-3);
});

test("anchors of first and last frames hold", () => {
  const warp = { frames: [0, 99], places: [0, 100000] };
  for (const [f, g] of [[0, 30], [99, 69], [30, 0], [69, 99], [0, 99]]) {
    const { pins } = pinsOf([warp, warp], [[0, f, 1, g]]);
    const [first, second] = pins.map((some) => bend(warp, some));
    assert.equal(frameIn(second, placeOf(first, f)), g);
    assert.equal(frameIn(first, placeOf(second, g)), f);
  }
});

test("an anchor across another is skipped", () => {
  const warp = { frames: [0, 100], places: [0, 100] };
  const anchors = [
    [0, 30, 1, 40],
    [0, 42, 1, 30],
    [0, 50, 1, 60],
    [1, 60, 0, 51],
  ];
  assert.deepEqual(pinsOf([warp, warp], anchors).skipped, [1, 3]);
});

test("a moved boundary tells of the frames around it alone", () => {
  const before = rows([10, 0], [30, 1], [50, 2], [60, 3]);
  const after = moveBoundary(before, 2, 36);
  assert.deepEqual(brief(after), [[10, 0, ""], [36, 1, "r"], [50, 2, "l"], [60, 3, ""]]);
  assert.deepEqual(after.map(knownFrames), [null, [23, 36], [36, 43], null]);
  assert.ok(isSeen(after, 2) && !isSeen(after, 1) && !isSeen(after, 3));
  assert.deepEqual(brief(before), [[10, 0, ""], [30, 1, ""], [50, 2, ""], [60, 3, ""]]);
});

test("a boundary leaves a frame to both sides", () => {
  const two = rows([10, 0], [12, 1]);
  assert.equal(moveBoundary(two, 1, -4)[0].end, 1);
  assert.equal(moveBoundary(two, 1, 40)[0].end, 11);
});

test("the ends of a recording are no boundary that could be wrong", () => {
  assert.deepEqual(brief(moveBoundary(rows([10, 0], [20, 1]), 1, 7)), [
    [7, 0, "lr"],
    [20, 1, "lr"],
  ]);
});

test("halves of a segment of one frame are that frame", () => {
  for (const [left, right] of [[true, false], [false, true], [true, true]]) {
    assert.deepEqual(knownFrames(segment(4, 5, 0, left, right)), [4, 5]);
  }
});

test("others of one action stay two segments", () => {
  const four = rows([10, 0, "lr"], [20, 0, "lr"], [30, 1], [40, 2]);
  assert.deepEqual(brief(relabel(four, 3, 3)).slice(0, 2), [
    [10, 0, "lr"],
    [20, 0, "lr"],
  ]);
});

test("who splits has seen the frames before the cut, who merges all of both", () => {
  const one = rows([20, 3], [40, 4]);
  assert.deepEqual(brief(split(one, 7)), [[7, 3, "r"], [20, 3, ""], [40, 4, ""]]);
  assert.deepEqual(brief(merge(one, 0)), [[40, 3, "lr"]]);
});

test("joined actions keep their segments and what is known of them", () => {
  const three = rows([10, 0, "l"], [20, 1], [30, 0]);
  assert.deepEqual(brief(join(three, 0, 1)), [[10, 1, "l"], [20, 1, ""], [30, 1, ""]]);
});

test("a view stays within the axis, and a zoom around its moment", () => {
  const near = zoom(WHOLE, 4, 0.25, 0.01);
  assert.deepEqual(near, { from: 0.1875, to: 0.4375 });
  assert.deepEqual(zoom(near, 1 / 8, 0.25, 0.01), WHOLE);
  const least = zoom(WHOLE, 1000, 1, 0.01);
  assert.ok(Math.abs(least.to - least.from - 0.01) < 1e-12 && least.to === 1);
  assert.deepEqual(pan(near, 0.5), { from: 0.3125, to: 0.5625 });
  assert.deepEqual(pan(near, -5), { from: 0, to: 0.25 });
  assert.equal(show(near, 0.2), near);
  for (const at of [0, 0.1, 0.5, 1]) {
    const { from, to } = show(near, at);
    assert.ok(from <= at && at <= to && Math.abs(to - from - 0.25) < 1e-12);
    assert.ok(from >= 0 && to <= 1);
  }
});

test("neighbours of one action become one segment", () => {
  const three = rows([10, 0, "lr"], [20, 1], [30, 0, "lr"]);
  assert.deepEqual(brief(relabel(three, 1, 0)), [[30, 0, "lr"]]);
  assert.deepEqual(brief(relabel(rows([10, 0], [20, 1]), 1, 0)), [
    [10, 0, ""],
    [20, 0, "lr"],
  ]);
});

test("segments that are known in part stay apart from checked ones", () => {
  const three = rows([10, 5], [20, 0, "l"], [40, 0, "r"]);
  assert.deepEqual(brief(merge(three, 0)), [[20, 5, "lr"], [40, 0, "r"]]);
  const known = merge(rows([10, 0, "l"], [20, 1, "r"], [40, 0, "l"]), 0);
  assert.deepEqual(known.map(knownFrames), [[0, 20], [20, 30]]);
});

test("a split is undone by a merge", () => {
  const one = rows([20, 3, "lr"]);
  const two = split(one, 7.9);
  assert.deepEqual(brief(two), [[7, 3, "lr"], [20, 3, ""]]);
  assert.deepEqual(brief(merge(two, 0)), brief(one));
  assert.equal(split(two, 7), null);
  assert.equal(merge(two, 1), null);
});

test("what is right is said of one segment or of all", () => {
  const two = rows([10, 0], [20, 1]);
  assert.deepEqual(brief(check(two, 1)), [[10, 0, ""], [20, 1, "lr"]]);
  assert.deepEqual(brief(check(two)), [[10, 0, "lr"], [20, 1, "lr"]]);
  assert.equal(segmentAt(two, 9.9), 0);
  assert.equal(segmentAt(two, 999), 1);
});

test("segments out of a browser's memory must cover the recording", () => {
  assert.ok(isWhole(rows([10, 0], [20, -1]), 20, 1));
  assert.ok(!isWhole(rows([10, 0], [20, 1]), 20, 1));
  assert.ok(!isWhole(rows([10, 0]), 20, 1));
  assert.ok(!isWhole([], 20, 1));
  assert.ok(!isWhole([segment(0, 5, 0), segment(6, 9, 0)], 9, 1));
});

const tea = { name: "tea, 1", length: 50, fps: 10, media: "../a%20b.mp4" };
const page = "file:///home/ann/pages/tea.html";
const coffee = { ...tea, name: "coffee", media: null };
const called = ["pour", 'st"ir\n<'];
const nameOf = (code) => called[code];

test("files have the segments that have an action", () => {
  const video = { ...tea, segments: rows([20, 0, "lr"], [25, -1], [50, 1]) };
  assert.equal(
    asTable([video], nameOf),
    'video,start,end,label,seconds\r\n"tea, 1",0,2,pour,2\r\n' +
      '"tea, 1",2.5,5,"st""ir\n<",2.5\r\n',
  );
  const lines = asFrames(video, nameOf).split("\n");
  assert.deepEqual([lines[0], lines[20], lines[49], lines.length], ["pour", "-1", 'st"ir <', 51]);
  const elan = asElan(video, nameOf, new Date(0), page);
  const link = "file:///home/ann/a%20b.mp4";
  const near = 'RELATIVE_MEDIA_URL="./../a b.mp4"';
  assert.ok(elan.includes(` MEDIA_URL="${link}" ${near} MIME_TYPE="video/mp4"`));
  const elsewhere = asElan({ ...video, media: link }, nameOf, new Date(0), page);
  assert.ok(elsewhere.includes(` MEDIA_URL="${link}" MIME_TYPE="video/mp4"`));
  const latin = asElan({ ...video, media: "caf%E9.mp4" }, nameOf, new Date(0), page);
  assert.ok(latin.includes('RELATIVE_MEDIA_URL="./caf%E9.mp4"'));
  assert.ok(!asElan({ ...video, media: null }, nameOf, new Date(0), page).includes("_URL"));
  assert.match(elan, /<ANNOTATION_VALUE>st&quot;ir\n&lt;</);
  assert.deepEqual(
    [...elan.matchAll(/TIME_VALUE="(\d+)"/g)].map((found) => Number(found[1])),
    [0, 2000, 2500, 5000],
  );
});

test("times are those of the frames where no rate is constant", () => {
  const times = { frames: [0, 20, 50], seconds: [5, 6, 12] };
  const video = { ...tea, times, segments: rows([30, 0], [50, 1]) };
  assert.deepEqual([0, 10, 30, 50].map((at) => timeAt(video, at)), [5, 5.5, 8, 12]);
  assert.deepEqual([5, 5.5, 8, 12].map((at) => frameAt(video, at)), [0, 10, 30, 50]);
  assert.equal(elapsed(video, 30), 3);
  assert.equal(frameAt(tea, timeAt(tea, 7)), 7);
  assert.equal(timeAt({ fps: null }, 7), 7);
  assert.deepEqual([0, 10, 20, 50].map((at) => later(video, at, 1)), [20, 22.5, 25, 50]);
  assert.equal(later({ fps: null }, 7, -2), -43);
  assert.equal(
    asTable([video], (code) => code),
    'video,start,end,label,seconds\r\n"tea, 1",5,8,0,3\r\n"tea, 1",8,12,1,4\r\n',
  );
  const elan = asElan(video, String, new Date(0), page);
  assert.match(elan, /TIME_VALUE="8000"/);
});

test("a clock that starts behind the end of its clip started with it", () => {
  const times = { frames: [0, 20, 50], seconds: [1000, 1001, 1007] };
  const video = { ...tea, times, segments: rows([30, 0], [50, 1]) };
  const at = (duration) => [0, 30].map((frame) => clipTime(video, frame, duration));
  assert.deepEqual(at(7), [0, 3]);
  for (const duration of [1200, Infinity, NaN, undefined]) {
    assert.deepEqual(at(duration), [1000, 1003]);
  }
  assert.equal(clipTime(tea, 20, 1), 2);
  const timesOf = (...clip) =>
    [...asElan(video, String, new Date(0), page, ...clip).matchAll(/VALUE="(\d+)"/g)].map(
      (found) => Number(found[1]),
    );
  assert.deepEqual(timesOf(7), [0, 3000, 3000, 7000]);
  assert.deepEqual(timesOf(), [1000000, 1003000, 1003000, 1007000]);
});

test("clocks come as knots, or as steps of all frames", () => {
  const knots = { frames: [0, 3], seconds: [5, 6] };
  assert.deepEqual([null, knots].map(unpackTimes), [null, knots]);
  const steps = { first: 5, unit: 0.5, steps: [1, 4, 0] };
  const seconds = [5, 5.5, 7.5, 7.5];
  assert.deepEqual(unpackTimes(steps), { frames: [0, 1, 2, 3], seconds });
});

test("corrections say what is known, and which moments are the same", () => {
  const segments = rows([30, 0, "r"], [50, -1]);
  const videos = [{ ...tea, segments }, { ...coffee, segments }];
  const saved = asCorrections(videos, [[0, 3, 1, 4]], (code) => code + 7);
  assert.deepEqual(saved.videos[0].segments, [
    { start: 0, end: 30, label: 7, checked: false, known: [15, 30] },
    { start: 30, end: 50, label: null, checked: false, known: null },
  ]);
  assert.deepEqual(saved.anchors, [{ videos: ["tea, 1", "coffee"], frames: [3, 4] }]);
});

function near(found, wanted) {
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 0.01, `${found}`));
}

test("points of a pose move between frames, and turn", () => {
  const bytes = [127, 254, 127, 254, 127, 127, 255, 255, 255, 254, 0, 127];
  const pose = unpackPose(btoa(String.fromCharCode(...bytes)), 2, 3);
  assert.equal(pose.length, 2);
  const [lost, moving] = pointsAt(pose, 0.5, 0);
  near(lost, [0, -1]);
  near(moving, [1, 0.5]);
  near(pointsAt(pose, 0, Math.PI)[1], [-1, 0]);
  const blind = unpackPose(btoa("\xff\xff"), 1, 2);
  assert.deepEqual(pointsAt(blind, 0, 0), [null]);
});

function refuse() {
  throw new Error("access denied");
}

function withStorage(descriptor, work) {
  const before = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  Object.defineProperty(globalThis, "localStorage", { ...descriptor, configurable: true });
  try {
    return work();
  } finally {
    delete globalThis.localStorage;
    if (before) Object.defineProperty(globalThis, "localStorage", before);
  }
}

test("what is kept comes back, and what is damaged is nothing", () => {
  const items = new Map();
  const value = {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, text) => items.set(name, text),
    removeItem: (name) => items.delete(name),
  };
  withStorage({ value }, () => {
    assert.equal(readDrawer("a"), null);
    assert.equal(writeDrawer("a", { actions: ["pour"] }), true);
    assert.deepEqual(readDrawer("a"), { actions: ["pour"] });
    items.set("a", "{");
    assert.equal(readDrawer("a"), null);
    assert.equal(writeDrawer("a", null), true);
    assert.equal(items.size, 0);
  });
});

test("a browser that refuses to keep anything stops no page", () => {
  for (const descriptor of [{ get: refuse }, { value: null }]) {
    withStorage(descriptor, () => {
      assert.equal(readDrawer("a"), null);
      assert.equal(writeDrawer("a", {}), false);
      assert.equal(writeDrawer("a", null), false);
    });
  }
});
