// What a pointer and keys ask of the drawing, and what it answers; the legend. Behind drawing.js, in the same function.
// What was the case at a time, line by line.
function facts(time) {
  const lines = [];
  const near = ((view[1] - view[0]) / (width - GUTTER - RIGHT)) * 5;
  const index = at(data.bands, time, (band) => band.at);
  if (index >= 0) {
    const band = data.bands[index];
    lines.push(['state', text(band.state) + ', for ' + length(bandEnd(index) - band.at)]);
    if (text(band.text)) lines.push(['', text(band.text)]);
  }
  const begun = at(data.attempts, time + near, (attempt) => attempt.at);
  if (begun >= 0) {
    const attempt = data.attempts[begun];
    let said = 'conn ' + attempt.conn + ', attempt ' + attempt.number;
    if (attempt.opened !== null) said += ', open after ' + length(attempt.opened - attempt.at);
    else if (attempt.closed !== null) said += ', failed after ' + length(attempt.closed - attempt.at);
    lines.push(['attempt', said]);
    if (attempt.stages.length) lines.push(['stages', attempt.stages.map(([stage, when]) => text(stage) + ' +' + length(when - attempt.at)).join(', ')]);
    if (attempt.cause !== null) lines.push(['ended by', text(attempt.cause)]);
  }
  for (const [name, points, show] of [['round trip', data.rtt, length], ['to confirm', data.confirm, length]]) {
    const place = at(points, time + near, (point) => point[0]);
    if (place >= 0) lines.push([name, show(points[place][1])]);
  }
  const depth = at(data.outbox, time, (point) => point[0]);
  if (depth >= 0) lines.push(['outbox', grouped(data.outbox[depth][1]) + ' messages, ' + size(data.outbox[depth][2])]);
  const bin = binsInView().find(({ from, to }) => from <= time && time < to);
  if (bin) {
    const said = bin.counts.map((count, kind) => (count ? grouped(count) + ' ' + text(data.verdicts.kinds[kind]) : '')).filter(Boolean).join(', ');
    lines.push(['verdicts', said + ' in ' + length(bin.to - bin.from)]);
  }
  const last = at(data.marks, time + near, (mark) => mark.at);
  for (let place = last, told = 0; place >= 0 && data.marks[place].at >= time - near && told < 4; place -= 1, told += 1) {
    const mark = data.marks[place];
    lines.push([text(mark.kind) + (mark.count > 1 ? ' ×' + grouped(mark.count) : ''), text(mark.text)]);
  }
  return lines;
}

function show(time, px, py) {
  cursor = clamp(time, 0, span);
  draw();
  const lines = facts(cursor);
  details.replaceChildren();
  const head = document.createElement('b');
  head.textContent = '+' + length(cursor);
  const list = document.createElement('dl');
  for (const [name, words] of lines) {
    const term = document.createElement('dt');
    const said = document.createElement('dd');
    term.textContent = name;
    said.textContent = words;
    list.append(term, said);
  }
  details.append(head, list);
  details.hidden = false;
  const [frame, own] = [chart.getBoundingClientRect(), svg.getBoundingClientRect()];
  const [byX, byY] = [own.width / width, own.height / HEIGHT];
  const left = own.left - frame.left + (px ?? x(cursor)) * byX;
  const besides = left + 18 + details.offsetWidth > chart.clientWidth ? left - details.offsetWidth - 18 : left + 18;
  details.style.left = Math.max(besides, 6) + 'px';
  details.style.top = own.top - frame.top + clamp((py ?? 40) * byY + 14, 0, Math.max(own.height - details.offsetHeight, 0)) + 'px';
  return [head.textContent, ...lines.map((line) => line.join(' '))].join('; ');
}

function hide() {
  details.hidden = true;
  cursor = null;
  draw();
}

function zoom(from, to) {
  const wide = clamp(to - from, Math.min(span, 100), span);
  const middle = clamp((from + to) / 2, wide / 2, span - wide / 2);
  view = wide >= span ? [0, span] : [middle - wide / 2, middle + wide / 2];
  draw();
}
function magnify(factor) {
  const middle = cursor !== null && cursor >= view[0] && cursor <= view[1] ? cursor : (view[0] + view[1]) / 2;
  const share = (middle - view[0]) / (view[1] - view[0]);
  const wide = (view[1] - view[0]) / factor;
  zoom(middle - share * wide, middle + (1 - share) * wide);
}
function follow(time) {
  const wide = view[1] - view[0];
  if (time < view[0] || time > view[1]) zoom(time - wide / 2, time + wide / 2);
  live.textContent = show(time);
}

const position = (event) => {
  const box = svg.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * HEIGHT];
};
svg.addEventListener('pointermove', (event) => {
  const [px, py] = position(event);
  if (px < GUTTER - 4 || px > width - RIGHT + 4) {
    if (!drag) hide();
    return;
  }
  if (drag) drag.to = clamp(px, GUTTER, width - RIGHT);
  show(timeAt(px), px, py);
});
svg.addEventListener('pointerdown', (event) => {
  const [px] = position(event);
  if (event.button !== 0 || event.pointerType === 'touch' || px < GUTTER) return;
  drag = { from: clamp(px, GUTTER, width - RIGHT), to: null };
  svg.setPointerCapture(event.pointerId);
});
svg.addEventListener('pointerup', () => {
  const chosen = drag;
  drag = null;
  if (chosen && chosen.to !== null && Math.abs(chosen.to - chosen.from) > 4) {
    const [one, two] = [timeAt(chosen.from), timeAt(chosen.to)];
    zoom(Math.min(one, two), Math.max(one, two));
  } else {
    draw();
  }
});
svg.addEventListener('pointercancel', () => { drag = null; draw(); });
svg.addEventListener('pointerleave', () => { if (!drag) hide(); });
svg.addEventListener('dblclick', () => zoom(0, span));
svg.addEventListener('wheel', (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  cursor = clamp(timeAt(position(event)[0]), view[0], view[1]);
  magnify(event.deltaY < 0 ? 1.4 : 1 / 1.4);
}, { passive: false });

const failures = data.attempts.filter((attempt) => attempt.closed !== null && !attempt.clean).map((attempt) => attempt.closed);
const changes = data.bands.map((band) => band.at);
const after = (list, time) => list.find((one) => one > time) ?? null;
const before = (list, time) => { const place = at(list, time - 1, (one) => one); return place >= 0 ? list[place] : null; };
svg.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const here = cursor ?? view[0];
  const step = (view[1] - view[0]) / 50;
  let to = null;
  switch (event.key) {
    case 'ArrowRight': to = event.shiftKey ? after(changes, here) : Math.min(here + step, span); break;
    case 'ArrowLeft': to = event.shiftKey ? before(changes, here) : Math.max(here - step, 0); break;
    case 'n': to = after(failures, here); break;
    case 'p': to = before(failures, here); break;
    case 'Home': to = 0; break;
    case 'End': to = span; break;
    case '+': case '=': magnify(2); break;
    case '-': magnify(0.5); break;
    case 'Escape': zoom(0, span); hide(); break;
    default: return;
  }
  event.preventDefault();
  if (to !== null) follow(to);
});
document.getElementById('in').addEventListener('click', () => magnify(2));
document.getElementById('out').addEventListener('click', () => magnify(0.5));
document.getElementById('whole').addEventListener('click', () => zoom(0, span));
document.addEventListener('click', (event) => {
  const row = event.target.closest('button[data-at]');
  if (!row) return;
  follow(Number(row.dataset.at));
  svg.scrollIntoView({ block: 'nearest' });
});

const entries = new Map();
for (const band of data.bands) entries.set(text(band.state), stateColour(text(band.state)));
for (const kind of data.verdicts.kinds) if (!entries.has(text(kind))) entries.set(text(kind), verdictColour(text(kind)));
if (data.rtt.length) entries.set('round trip of a ping', 'var(--rtt)');
if (data.confirm.length) entries.set('from hand-over to confirmation', 'var(--confirm)');
for (const [words, colour] of entries) {
  const item = document.createElement('li');
  const patch = document.createElement('i');
  patch.style.background = colour;
  item.append(patch, words);
  legend.append(item);
}
for (const [sign, words] of [['●', 'opened'], ['✕', 'attempt failed'], ['◆', 'connection ended']]) {
  const item = document.createElement('li');
  item.textContent = sign + ' ' + words;
  legend.append(item);
}
new ResizeObserver(() => draw()).observe(svg);
draw();
document.documentElement.dataset.drawn = 'yes';
