// The lanes on one time axis, drawn anew for each view. Runs within one function, with pointing.js behind it.
const data = JSON.parse(document.getElementById('incident').textContent);
const svg = document.getElementById('drawing');
const chart = svg.parentElement;
const details = document.getElementById('details');
const live = document.getElementById('live');
const legend = document.getElementById('legend');
const text = (index) => data.texts[index];

const GUTTER = 96;
const RIGHT = 14;
const LANES = [
  { name: 'State', height: 34, draw: drawStates },
  { name: 'Attempts', height: 34, draw: drawAttempts },
  { name: 'Round trip', height: 92, draw: drawTimes },
  { name: 'Outbox', height: 92, draw: drawOutbox },
  { name: 'Verdicts', height: 82, draw: drawVerdicts },
  { name: 'Events', height: 24, draw: drawMarks },
];
const GAP = 16;
const TOP = 6;
const AXIS = 26;
let y = TOP;
for (const lane of LANES) {
  lane.y = y;
  y += lane.height + GAP;
}
const FLOOR = y - GAP + 4;
const HEIGHT = FLOOR + AXIS;

// What is worse hides what is better where many share a pixel: never the other way round.
const STATES = { open: 0, idle: 1, background: 1, authorizing: 2, connecting: 3, closing: 4, offline: 5, waiting: 6, stopped: 7 };
const KNOWN_VERDICTS = ['confirmed', 'written', 'kept', 'in-doubt', 'dropped', 'refused'];
const span = Math.max(data.span, 1);
let view = [0, span];
let width = 0;
let cursor = null;
let drag = null;

const NS = 'http://www.w3.org/2000/svg';
function make(name, attributes, parent) {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (parent) parent.appendChild(element);
  return element;
}
function label(words, attributes, parent) {
  const element = make('text', attributes, parent);
  element.textContent = words;
  return element;
}

// Colours by name; names that this page does not know have colours of their own, too.
function other(name) {
  let sum = 0;
  for (let index = 0; index < name.length; index += 1) sum = (sum * 31 + name.charCodeAt(index)) % 997;
  return 'var(--other-' + (sum % 3) + ')';
}
const stateColour = (name) => (Object.hasOwn(STATES, name) ? 'var(--state-' + name + ')' : other(name));
const family = (name) => name.split(':')[0];
const verdictColour = (name) => (KNOWN_VERDICTS.includes(family(name)) ? 'var(--verdict-' + family(name) + ')' : other(name));
const severity = (name) => (Object.hasOwn(STATES, name) ? STATES[name] : 5);

const plain = (number, digits) => number.toFixed(digits).replace(/\.?0+$/, '');
function length(micros) {
  if (micros < 1e3) return Math.round(micros) + ' µs';
  if (micros < 1e6) return plain(micros / 1e3, micros < 1e4 ? 2 : 1) + ' ms';
  if (micros < 6e7) return plain(micros / 1e6, 3) + ' s';
  if (micros < 36e8) return Math.floor(micros / 6e7) + ' min ' + plain((micros % 6e7) / 1e6, 1) + ' s';
  return Math.floor(micros / 36e8) + ' h ' + Math.floor((micros % 36e8) / 6e7) + ' min';
}
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
function size(bytes) {
  if (bytes < 1024) return bytes + ' B';
  if (bytes < 1048576) return plain(bytes / 1024, 1) + ' KiB';
  return plain(bytes / 1048576, 1) + ' MiB';
}

const x = (time) => GUTTER + ((time - view[0]) / (view[1] - view[0])) * (width - GUTTER - RIGHT);
const timeAt = (px) => view[0] + ((px - GUTTER) / (width - GUTTER - RIGHT)) * (view[1] - view[0]);
const inView = (from, to) => to >= view[0] && from <= view[1];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The last entry at or before a time, by its first number.
function at(list, time, key) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const bandEnd = (index) => (index + 1 < data.bands.length ? data.bands[index + 1].at : span);

function drawStates(lane, group) {
  let run = null;
  const flush = () => {
    if (run) {
      make('rect', { x: run.from, y: lane.y, width: Math.max(run.to - run.from, 2), height: lane.height, fill: stateColour(run.state), class: 'band', 'data-state': run.state }, group);
    }
    run = null;
  };
  data.bands.forEach((band, index) => {
    const end = bandEnd(index);
    if (!inView(band.at, end)) return;
    const from = Math.max(x(band.at), GUTTER);
    const to = Math.min(x(end), width - RIGHT);
    const state = text(band.state);
    if (to - from >= 2) {
      flush();
      make('rect', { x: from, y: lane.y, width: to - from, height: lane.height, fill: stateColour(state), class: 'band', 'data-state': state }, group);
      if (to - from > state.length * 6.6 + 10) label(state, { x: from + 6, y: lane.y + lane.height / 2 + 4, class: 'in-band' }, group);
    } else if (run && to - run.from < 2.5) {
      run.to = Math.max(run.to, to);
      if (severity(state) > severity(run.state)) run.state = state;
    } else {
      flush();
      run = { from, to, state };
    }
  });
  flush();
}

const attemptEnd = (attempt) => attempt.opened ?? attempt.closed ?? span;
function drawAttempts(lane, group) {
  const middle = lane.y + lane.height / 2;
  make('line', { x1: GUTTER, x2: width - RIGHT, y1: middle, y2: middle, class: 'grid' }, group);
  let last = null;
  for (const attempt of data.attempts) {
    const end = attemptEnd(attempt);
    const over = attempt.closed ?? end;
    if (!inView(attempt.at, over)) continue;
    const failed = attempt.opened === null && attempt.closed !== null;
    const from = Math.max(x(attempt.at), GUTTER);
    const to = clamp(x(end), GUTTER, width - RIGHT);
    const colour = failed ? 'var(--bad)' : attempt.opened === null ? 'var(--soft)' : 'var(--state-connecting)';
    // Marks on the same pixel are one mark, and a failure is never the one that is left out.
    const key = Math.round(to) + (failed ? 'f' : attempt.opened !== null ? 'o' : 'p');
    if (key !== last && inView(attempt.at, end)) {
      make('line', { x1: from, x2: Math.max(to, from + 1), y1: middle, y2: middle, stroke: colour, 'stroke-width': 5, class: 'attempt' }, group);
      if (end >= view[0] && end <= view[1]) {
        if (failed) make('path', { d: `M${to - 4} ${middle - 6}l8 12m0 -12l-8 12`, stroke: 'var(--bad)', 'stroke-width': 2.5, class: 'failed' }, group);
        else if (attempt.opened !== null) make('circle', { cx: to, cy: middle, r: 4.5, fill: 'var(--state-open)', class: 'opened' }, group);
      }
      last = key;
    }
    if (attempt.opened !== null && attempt.closed !== null && attempt.closed >= view[0] && attempt.closed <= view[1]) {
      const px = x(attempt.closed);
      make('path', { d: `M${px} ${middle - 8}l7 8l-7 8l-7 -8z`, fill: attempt.clean ? 'var(--state-stopped)' : 'var(--bad)', class: 'lost' }, group);
    }
  }
}

function scale(lane, most, show, group) {
  make('line', { x1: GUTTER, x2: width - RIGHT, y1: lane.y + lane.height, y2: lane.y + lane.height, class: 'grid' }, group);
  make('line', { x1: GUTTER, x2: width - RIGHT, y1: lane.y, y2: lane.y, class: 'grid' }, group);
  label(show(most), { x: GUTTER - 8, y: lane.y + 30, 'text-anchor': 'end' }, group);
}

function visible(points) {
  const from = Math.max(at(points, view[0], (point) => point[0]), 0);
  const to = at(points, view[1], (point) => point[0]) + 1;
  return points.slice(from, Math.min(to + 1, points.length));
}

function nothing(lane, words, group) {
  label(words, { x: GUTTER + 8, y: lane.y + lane.height / 2 + 4 }, group);
}

function drawTimes(lane, group) {
  const series = [['rtt', data.rtt, 'var(--rtt)'], ['confirm', data.confirm, 'var(--confirm)']];
  const shown = series.map(([name, points, colour]) => [name, visible(points), colour]);
  // A logarithm, so that a spike of a second does not flatten the milliseconds.
  const all = shown.flatMap(([, points]) => points.map((point) => point[1]));
  if (all.length === 0) {
    make('line', { x1: GUTTER, x2: width - RIGHT, y1: lane.y + lane.height, y2: lane.y + lane.height, class: 'grid' }, group);
    return nothing(lane, 'nothing was measured here', group);
  }
  const least = Math.log10(Math.max(all.reduce((a, b) => Math.min(a, b)), 1)) - 0.05;
  const most = Math.log10(Math.max(all.reduce((a, b) => Math.max(a, b)), 10)) + 0.05;
  const place = (value) => lane.y + lane.height - ((Math.log10(Math.max(value, 1)) - least) / Math.max(most - least, 0.1)) * lane.height;
  scale(lane, 10 ** (most - 0.05), length, group);
  label(length(10 ** (least + 0.05)), { x: GUTTER - 8, y: lane.y + lane.height, 'text-anchor': 'end' }, group);
  for (let power = Math.ceil(least); power < most; power += 1) {
    make('line', { x1: GUTTER, x2: width - RIGHT, y1: place(10 ** power), y2: place(10 ** power), class: 'grid' }, group);
    label(length(10 ** power), { x: width - RIGHT - 4, y: place(10 ** power) - 3, 'text-anchor': 'end', class: 'power' }, group);
  }
  for (const [name, points, colour] of shown) {
    const dots = points.filter(([time]) => time >= view[0] && time <= view[1]);
    const path = dots.map(([time, value]) => `M${x(time).toFixed(1)} ${place(value).toFixed(1)}h0`).join('');
    make('path', { d: path, stroke: colour, 'stroke-width': name === 'rtt' ? 4 : 3, 'stroke-linecap': 'round', fill: 'none', opacity: 0.75, class: name }, group);
  }
}

function drawOutbox(lane, group) {
  const points = visible(data.outbox);
  const most = Math.max(points.reduce((high, point) => Math.max(high, point[1]), 0), 1);
  scale(lane, most, (number) => grouped(number) + ' msg', group);
  label('0', { x: GUTTER - 8, y: lane.y + lane.height, 'text-anchor': 'end' }, group);
  const place = (value) => lane.y + lane.height - (value / most) * lane.height;
  const low = lane.y + lane.height;
  let path = `M${GUTTER} ${low}`;
  let level = low;
  for (const [time, value] of points) {
    const px = clamp(x(time), GUTTER, width - RIGHT);
    path += `L${px.toFixed(1)} ${level.toFixed(1)}`;
    level = place(time > view[1] ? 0 : value);
    if (time > view[1]) break;
    path += `L${px.toFixed(1)} ${level.toFixed(1)}`;
  }
  path += `L${width - RIGHT} ${level.toFixed(1)}L${width - RIGHT} ${low}Z`;
  make('path', { d: path, fill: 'var(--depth)', 'fill-opacity': 0.28, stroke: 'var(--depth)', 'stroke-width': 1.5, class: 'outbox' }, group);
}

// The verdicts' bins, put together so that each is at least three pixels wide.
function binsInView() {
  const { width: bin, filled } = data.verdicts;
  const each = Math.max(1, Math.ceil((3 * (view[1] - view[0])) / (width - GUTTER - RIGHT) / bin));
  const merged = [];
  for (const [place, counts] of filled) {
    if (!inView(place * bin, (place + 1) * bin)) continue;
    const first = Math.floor(place / each) * each;
    const last = merged[merged.length - 1];
    if (last && last.first === first) counts.forEach((count, kind) => { last.counts[kind] += count; });
    else merged.push({ first, from: first * bin, to: (first + each) * bin, counts: counts.slice() });
  }
  return merged;
}

// The worst first; what this page does not know lies between.
const rank = (kind) => (KNOWN_VERDICTS.includes(family(text(kind))) ? KNOWN_VERDICTS.indexOf(family(text(kind))) : 2.5);
const worstFirst = data.verdicts.kinds.map((kind, place) => [rank(kind), place]).sort((one, two) => two[0] - one[0]).map(([, place]) => place);

function drawVerdicts(lane, group) {
  const bins = binsInView();
  if (bins.length === 0) {
    make('line', { x1: GUTTER, x2: width - RIGHT, y1: lane.y + lane.height, y2: lane.y + lane.height, class: 'grid' }, group);
    return nothing(lane, 'no message was settled here', group);
  }
  const sum = (counts) => counts.reduce((a, b) => a + b, 0);
  const most = bins.reduce((high, bin) => Math.max(high, sum(bin.counts)), 1);
  scale(lane, most, grouped, group);
  label('0', { x: GUTTER - 8, y: lane.y + lane.height, 'text-anchor': 'end' }, group);
  for (const bin of bins) {
    const from = clamp(x(bin.from), GUTTER, width - RIGHT);
    const to = clamp(x(bin.to), GUTTER, width - RIGHT);
    // The worst lie at the bottom, and each is tall enough to be seen.
    let foot = lane.y + lane.height;
    for (const kind of worstFirst) {
      if (bin.counts[kind] === 0) continue;
      const name = text(data.verdicts.kinds[kind]);
      const tall = Math.max((bin.counts[kind] / most) * lane.height, 2);
      foot -= tall;
      make('rect', { x: from, y: Math.max(foot, lane.y), width: Math.max(to - from - 0.5, 1.5), height: tall, fill: verdictColour(name), class: 'verdict', 'data-verdict': name }, group);
    }
  }
}

function drawMarks(lane, group) {
  const middle = lane.y + lane.height / 2;
  make('line', { x1: GUTTER, x2: width - RIGHT, y1: middle, y2: middle, class: 'grid' }, group);
  let last = null;
  for (const mark of data.marks) {
    if (!inView(mark.at, mark.at)) continue;
    const px = x(mark.at);
    const key = Math.round(px) + text(mark.kind);
    if (key === last) continue;
    last = key;
    make('rect', { x: px - 3.5, y: middle - 3.5, width: 7, height: 7, transform: `rotate(45 ${px} ${middle})`, fill: mark.loud ? 'var(--warn)' : 'var(--soft)', class: 'mark' }, group);
  }
}

function ticks(group) {
  const room = Math.max(Math.floor((width - GUTTER - RIGHT) / 110), 2);
  const raw = (view[1] - view[0]) / room;
  let step = 10 ** Math.floor(Math.log10(raw));
  for (const factor of [1, 2, 5, 10]) {
    if (step * factor >= raw) {
      step *= factor;
      break;
    }
  }
  // Minutes and hours are not decimal.
  for (const nice of [3e7, 6e7, 12e7, 3e8, 6e8, 12e8, 18e8, 36e8, 72e8, 216e8, 432e8, 864e8]) {
    if (raw > 2e7 && nice >= raw) {
      step = nice;
      break;
    }
  }
  for (let time = Math.ceil(view[0] / step) * step; time <= view[1]; time += step) {
    make('line', { x1: x(time), x2: x(time), y1: TOP, y2: FLOOR, class: 'grid' }, group);
    label('+' + (time === 0 ? '0' : length(time)), { x: x(time), y: FLOOR + 17, 'text-anchor': 'middle' }, group);
  }
}

// Whatever was not open casts a shadow on what was measured meanwhile.
function shade(group) {
  data.bands.forEach((band, index) => {
    if (text(band.state) === 'open' || !inView(band.at, bandEnd(index))) return;
    const [from, to] = [Math.max(x(band.at), GUTTER), Math.min(x(bandEnd(index)), width - RIGHT)];
    if (to - from >= 1) make('rect', { x: from, y: TOP, width: to - from, height: FLOOR - TOP, fill: stateColour(text(band.state)), class: 'shade' }, group);
  });
}

function draw() {
  width = Math.max(svg.clientWidth, 480);
  svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
  svg.setAttribute('height', (HEIGHT * svg.clientWidth) / width);
  for (const child of svg.querySelectorAll('g')) child.remove();
  const group = make('g', { class: 'plot' }, svg);
  make('rect', { x: GUTTER, y: 0, width: width - GUTTER - RIGHT, height: HEIGHT, fill: 'transparent' }, group);
  shade(group);
  ticks(group);
  for (const lane of LANES) {
    label(lane.name, { x: 0, y: lane.y + 13, class: 'name' }, group);
    lane.draw(lane, group);
  }
  const over = make('g', {}, svg);
  if (drag && drag.to !== null) {
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    make('rect', { x: from, y: TOP, width: to - from, height: FLOOR - TOP, class: 'chosen' }, over);
  }
  if (cursor !== null && cursor >= view[0] && cursor <= view[1]) {
    make('line', { x1: x(cursor), x2: x(cursor), y1: TOP, y2: FLOOR, class: 'cursor' }, over);
  }
  document.getElementById('whole').disabled = view[0] === 0 && view[1] === span;
}
