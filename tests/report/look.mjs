// Looks at a page that `steadfast report` wrote, in a headless Chromium: the browser's own protocol over a pipe, without any
// package.
//
//     node tests/report/look.mjs CHROMIUM NAME=PAGE.html... [--pictures FOLDER]
//
// Prints a line for each thing that was looked at, and last `N passed, N failed`. The exit code is 0 if none failed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [chromium, ...rest] = process.argv.slice(2);
const at = rest.indexOf('--pictures');
const pictures = at < 0 ? null : rest.splice(at, 2)[1];
const PATIENCE = 60_000;

class Browser {
  #next = 1;
  #waiting = new Map();
  #listeners = [];
  #rest = Buffer.alloc(0);

  constructor(program) {
    this.home = mkdtempSync(join(tmpdir(), 'steadfast-report-'));
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-extensions', '--disable-background-networking', '--hide-scrollbars', '--force-color-profile=srgb', '--remote-debugging-pipe', `--user-data-dir=${this.home}`, 'about:blank'];
    this.process = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.gone = new Promise((done) => this.process.once('exit', done));
    this.process.stdio[4].on('data', (bytes) => this.#read(bytes));
    this.process.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser is gone'));
    });
  }

  #read(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let end = this.#rest.indexOf(0); end >= 0; end = this.#rest.indexOf(0)) {
      const message = JSON.parse(this.#rest.subarray(0, end).toString());
      this.#rest = this.#rest.subarray(end + 1);
      const waiting = this.#waiting.get(message.id);
      if (waiting) {
        this.#waiting.delete(message.id);
        clearTimeout(waiting.timer);
        if (message.error) waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
        else waiting.resolve(message.result);
      } else {
        for (const listener of this.#listeners) listener(message);
      }
    }
  }

  on(listener) {
    this.#listeners.push(listener);
  }

  call(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), PATIENCE);
      this.#waiting.set(id, { resolve, reject, timer, method });
      this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  async end() {
    await this.call('Browser.close').catch(() => this.process.kill('SIGKILL'));
    await this.gone;
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

class Page {
  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
    this.complaints = [];
    this.requests = [];
    browser.on(({ sessionId, method, params }) => {
      if (sessionId !== session) return;
      if (method === 'Runtime.exceptionThrown') this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(params.type)) this.complaints.push(JSON.stringify(params.args));
      if (method === 'Log.entryAdded' && ['error', 'warning'].includes(params.entry.level)) this.complaints.push(params.entry.text);
      if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
      if (method === 'Page.loadEventFired') this.loaded?.();
    });
  }

  static async open(browser, width, height) {
    const { targetId } = await browser.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(browser, sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.call(`${domain}.enable`);
    await page.size(width, height);
    return page;
  }

  call(method, params) {
    return this.browser.call(method, params, this.session);
  }

  size(width, height) {
    return this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  scheme(value) {
    return this.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
  }

  async go(url) {
    const loaded = new Promise((done) => { this.loaded = done; });
    await this.call('Page.navigate', { url });
    await loaded;
    // What is drawn is drawn by the next frame but one.
    await this.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  mouse(type, x, y, more = {}) {
    return this.call('Input.dispatchMouseEvent', { type, x, y, ...more });
  }

  async key(key, more = {}) {
    const text = key.length === 1 ? key : undefined;
    await this.call('Input.dispatchKeyEvent', { type: 'keyDown', key, text, ...more });
    await this.call('Input.dispatchKeyEvent', { type: 'keyUp', key, ...more });
  }

  async picture(name) {
    if (!pictures) return;
    const { data } = await this.call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: false });
    writeFileSync(join(pictures, `${name}.png`), Buffer.from(data, 'base64'));
  }
}

let [passed, failed] = [0, 0];
function judge(what, good, found = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? 'ok    ' : 'FAILED'}  ${what}${good || found === '' ? '' : `: ${JSON.stringify(found)}`}`);
}

// The contrast of two colours as WCAG 2.1 counts it.
const CONTRAST = `(one, two) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [light(one), light(two)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}`;

async function look(browser, name, file) {
  const page = await Page.open(browser, 1280, 1000);
  await page.scheme('light');
  await page.go(pathToFileURL(resolve(file)).href);
  const say = (what) => `${name}: ${what}`;

  judge(say('it is drawn'), await page.evaluate('document.documentElement.dataset.drawn === "yes"'));
  const count = (selector) => page.evaluate(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
  judge(say('the bands of the states are there'), (await count('#drawing .band')) >= 3);
  judge(say('one of them is open'), (await count('#drawing .band[data-state=open]')) >= 1);
  judge(say('attempts are there'), (await count('#drawing .attempt')) >= 1);
  judge(say('the depth of the outbox is there'), (await count('#drawing .outbox')) === 1);
  judge(say('verdicts are there'), (await count('#drawing .verdict')) >= 1);
  judge(say('round trips are there'), await page.evaluate('(document.querySelector("#drawing .rtt")?.getAttribute("d") ?? "").length > 10'));
  judge(say('the drawing has a title and a description'), await page.evaluate('document.querySelector("#drawing > title").textContent.length > 10 && document.querySelector("#drawing > desc").textContent.length > 10'));
  judge(say('what is drawn is no more than a browser can bear'), (await count('#drawing *')) < 20_000, await count('#drawing *'));
  judge(say('nothing in it stands on no number'), await page.evaluate('!/NaN|undefined|Infinity/.test(document.getElementById("drawing").outerHTML)'));
  await page.picture(`${name}-light`);

  const box = await page.evaluate('(({ x, y, width, height }) => ({ x, y, width, height }))(document.getElementById("drawing").getBoundingClientRect())');
  const middle = box.x + 96 + (box.width - 110) / 2;
  await page.mouse('mouseMoved', middle, box.y + 60);
  const details = () => page.evaluate('document.getElementById("details").hidden ? "" : document.getElementById("details").innerText');
  const told = await details();
  judge(say('a hover tells of state and outbox'), /state/.test(told) && /outbox/.test(told) && /^\+/.test(told), told);
  const gap = await page.evaluate(`(({ left, right, top, bottom }) => Math.max(left - ${middle}, ${middle} - right, top - ${box.y + 60}, ${box.y + 60} - bottom))(document.getElementById("details").getBoundingClientRect())`);
  judge(say('it tells it beside the pointer'), gap >= 0 && gap < 40, gap);
  await page.picture(`${name}-hover`);
  await page.mouse('mouseMoved', box.x + 20, box.y + box.height + 200);
  judge(say('the hover goes with the pointer'), (await details()) === '');

  await page.evaluate('document.getElementById("drawing").focus()');
  await page.key('ArrowRight');
  const first = await page.evaluate('document.getElementById("live").textContent');
  await page.key('n');
  const second = await page.evaluate('document.getElementById("live").textContent');
  judge(say('keys move the cursor, and what is there is told'), first.length > 10 && first !== second, [first, second]);
  await page.key('Escape');

  const axis = 'Array.from(document.querySelectorAll("#drawing text[text-anchor=middle]"), (one) => one.textContent).join()';
  const whole = await page.evaluate(axis);
  await page.mouse('mousePressed', middle - 100, box.y + 60, { button: 'left', buttons: 1, clickCount: 1 });
  await page.mouse('mouseMoved', middle + 100, box.y + 60, { button: 'left', buttons: 1 });
  await page.mouse('mouseReleased', middle + 100, box.y + 60, { button: 'left', clickCount: 1 });
  judge(say('a drag zooms'), (await page.evaluate(axis)) !== whole && (await page.evaluate('!document.getElementById("whole").disabled')));
  await page.mouse('mouseMoved', middle, box.y + 200);
  await page.picture(`${name}-zoom`);
  await page.key('Escape');
  judge(say('Escape shows the whole again'), (await page.evaluate(axis)) === whole);

  await page.evaluate('document.querySelector("td button").click()');
  judge(say('a line of the story leads to its time'), (await details()) !== '');
  await page.key('Escape');

  const colours = [];
  for (const scheme of ['light', 'dark']) {
    await page.scheme(scheme);
    const found = await page.evaluate(`(() => {
      const style = (selector) => getComputedStyle(document.querySelector(selector));
      const contrast = ${CONTRAST};
      const ground = style('body').backgroundColor;
      const card = style('.chart').backgroundColor;
      return { ground, text: contrast(style('body').color, ground), soft: contrast(style('.soft').color, ground), labels: contrast(style('#drawing text').fill, card), band: contrast(style('#drawing .in-band').fill, style('#drawing .band[data-state=open]').fill) };
    })()`);
    colours.push(found.ground);
    judge(say(`text can be read in ${scheme}`), Math.min(found.text, found.soft, found.labels, found.band) >= 4.5, found);
    await page.picture(`${name}-${scheme}`);
  }
  judge(say('light and dark differ'), colours[0] !== colours[1], colours);

  for (const width of [1280, 480]) {
    await page.size(width, 1000);
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    judge(say(`nothing hangs over at ${width} px`), await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'), await page.evaluate('document.documentElement.scrollWidth'));
  }
  await page.picture(`${name}-narrow`);

  judge(say('nothing was injected'), await page.evaluate('window.injected === undefined && document.images.length === 0 && document.scripts.length === 2'));
  judge(say('the console has no complaint'), page.complaints.length === 0, page.complaints);
  judge(say('nothing is asked for from elsewhere'), page.requests.every((url) => url.startsWith('file:') || url.startsWith('data:')), page.requests);
}

const browser = new Browser(chromium);
try {
  for (const one of rest) {
    const [name, file] = one.split(/=(.*)/s);
    await look(browser, name, file);
  }
} catch (error) {
  judge('the pages could be looked at', false, error.stack);
} finally {
  await browser.end();
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
