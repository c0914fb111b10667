// Chromium at the page that `bowline serve` has at PAGE: two tabs chat, one with the width of a phone; messages are
// echoed; connections close in several ways. Keeps screenshots, ends the server, prints `ok`.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual, parseArgs } from "node:util";

import { launch } from "./browser.mjs";
import { assertNegotiated } from "./exchange.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // The program Chromium.
    chromium: { type: "string" },
    // That of the server, if it speaks TLS.
    certificate: { type: "string" },
    // Where the screenshots go.
    shots: { type: "string" },
    // The server's process, which is to end with an interrupt.
    server: { type: "string" },
    // The longest message that the server takes.
    limit: { type: "string" },
    // Don't pass it: there are proxies that end both ways once one has ended, and so lose a Close that comes while the
    // page still sends.
    proxied: { type: "boolean", default: false },
    // Words that the agreed extensions hold; Chromium always offers permessage-deflate.
    negotiated: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    messages: { type: "string", default: "100" },
    longest: { type: "string", default: "65536" },
  },
});
const page = positionals[0];
const limit = Number(values.limit);
/// For one thing, and for everything, in milliseconds.
const patience = 20_000;
const everything = 180_000;
let browser;

async function run() {
  console.log(`Chromium ${browser.version()}`);
  const desktop = await Tab.open({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  await desktop.state("open", "open: /chat, 1 member");
  const phone = await Tab.open({
    viewport: { width: 360, height: 640 },
    colorScheme: "dark",
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  });
  await phone.state("open", "open: /chat, 2 members");
  await desktop.state("open", "open: /chat, 2 members");

  await chat(desktop, phone);
  await echo(phone);
  await desktop.state("open", "open: /chat, 1 member");
  await toggle(phone);
  await phone.page.context().close();
  phone.assertQuiet();
  console.log("chat, echo and closing on the page");

  const other = await Tab.open({});
  const [seed, count, longest] = [values.seed, values.messages, values.longest].map(Number);
  for (const kind of ["text", "binary"]) {
    const settings = { kind, limit, seed, count, longest };
    const { extensions, ...outcome } = await other.page.evaluate(exchange, settings);
    assert.deepEqual(outcome, { differing: [], code: 1000, clean: true }, kind);
    assertNegotiated(extensions, values.negotiated);
  }
  console.log(`${values.messages} seeded messages and ${limit} bytes, as text and as binary`);
  await closings(other.page);
  await refusals(other);
  console.log("close codes and refusals");

  await desktop.state("open", "open: /chat, 2 members");
  process.kill(Number(values.server), "SIGINT");
  await desktop.state("over", "closed: 1001 (the server ends)");
  await desktop.shot("ended");
  desktop.assertQuiet();
  await desktop.page.locator("#toggle").click();
  await desktop.state("over", "no connection");
  // A proxy that is still there answers.
  assert.match(desktop.troubles.pop(), /ERR_CONNECTION_REFUSED|Unexpected response code: 50[0-9]/);
  desktop.assertQuiet();
  console.log("the end of the server");
}

/// A tab at the page, in a profile of its own, that remembers what went wrong.
class Tab {
  static async open(settings) {
    const tab = new Tab();
    tab.troubles = [];
    const context = await browser.newContext(settings);
    context.setDefaultTimeout(patience);
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error("violates the policy:", event.violatedDirective, event.blockedURI);
      });
    });
    tab.page = await context.newPage();
    tab.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) tab.troubles.push(message.text());
    });
    tab.page.on("pageerror", (error) => tab.troubles.push(String(error)));
    tab.page.on("requestfailed", (request) => tab.troubles.push(`not loaded: ${request.url()}`));
    const answer = await tab.page.goto(page);
    assert.equal(answer.status(), 200);
    return tab;
  }

  /// Nothing went wrong so far.
  assertQuiet() {
    assert.deepEqual(this.troubles, []);
  }

  /// Waits until the page says how its connection is.
  state(is, text) {
    const state = this.page.locator("#state");
    return until([is, text], () => state.evaluate((state) => [state.dataset.is, state.textContent]));
  }

  async say(text, { binary = false, enter = false } = {}) {
    await this.page.locator("#binary").setChecked(binary);
    await this.page.locator("#text").fill(text);
    if (enter) await this.page.locator("#text").press("Enter");
    else await this.page.locator("#send").click();
    assert.equal(await this.page.locator("#text").inputValue(), "");
  }

  /// The last message: whether it is the user's own, who said what, and what the server saw of it.
  last() {
    return this.page.locator("#log li:not(.note)").evaluateAll((items) => {
      const item = items.at(-1);
      const part = (name) => item?.querySelector(name)?.textContent;
      return [item?.className === "mine", part(".who"), part(".said"), part(".seen")];
    }).then(([mine, who, said, seen]) => [mine, who, said, seen && uncompressed(seen)]);
  }

  /// Nothing sticks out of the window, and what is needed to write is inside.
  async assertFits() {
    const { width, height } = this.page.viewportSize();
    const inner = await this.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(inner <= width, `${inner} wide in a window of ${width}`);
    for (const id of ["#state", "#place", "#toggle", "#text", "#send", "#binary"]) {
      const box = await this.page.locator(id).boundingBox();
      const inside = box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
      assert.ok(inside, `${id} is at ${JSON.stringify(box)} in a window of ${width} by ${height}`);
    }
  }

  async shot(name) {
    await this.assertFits();
    await this.page.screenshot({ path: path.join(values.shots, `${name}.png`) });
  }
}

/// What the server saw, but for what depends on compression if there is some.
function uncompressed(seen) {
  if (!values.negotiated) return seen;
  const size = / · [0-9]+ frames? · [0-9]+ bytes? of payload on the wire/;
  return seen.replace(size, "").replace(/ (not )?compressed$/, "");
}

/// What the server saw of a message in one frame.
function saw(kind, bytes) {
  return uncompressed(`server saw: ${kind} · 1 frame · ${bytes} of payload on the wire · masked · not compressed`);
}

async function chat(one, two) {
  const said = [
    [one, two, 1, "Hello from the desktop", { enter: true }],
    [two, one, 2, "Hello from the phone"],
    [one, two, 1, "Grüße, 世界 🪢"],
    [two, one, 2, "<img src=x onerror=alert(1)><script>alert(2)</script>"],
    [one, two, 1, "a".repeat(300)],
    [two, one, 2, "two\nlines"],
  ];
  for (const [speaker, listener, guest, text, how] of said) {
    await speaker.say(text, how);
    const bytes = Buffer.byteLength(text);
    const seen = saw("opcode 0x1 text", `${bytes} bytes`);
    await until([true, `you, guest ${guest}`, text, seen], () => speaker.last());
    await until([false, `guest ${guest}`, text, seen], () => listener.last());
  }
  await one.say("knot", { binary: true });
  await until([false, "guest 1", "6b 6e 6f 74"], async () => (await two.last()).slice(0, 3));
  await one.shot("desktop-chat");
  await two.shot("phone-chat");
  await resize(two);
}

/// The list stays at its end when a keyboard, say, takes room from it; and where it is, if it is elsewhere.
async function resize(tab) {
  const { width, height } = tab.page.viewportSize();
  const log = tab.page.locator("#log");
  const below = () => log.evaluate((log) => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight));
  assert.ok(await log.evaluate((log) => log.scrollHeight > log.clientHeight), "the list needs no scrolling");
  for (const smaller of [{ width, height: height - 240 }, { width: width - 40, height }, { width, height }]) {
    await tab.page.setViewportSize(smaller);
    await until([true], async () => [(await below()) <= 1]);
  }

  await log.evaluate((log) => { log.scrollTop = 0; });
  await tab.page.setViewportSize({ width, height: height - 240 });
  await until([true, 0], async () => [(await below()) > 60, await log.evaluate((log) => log.scrollTop)]);
  await tab.page.setViewportSize({ width, height });
  await log.evaluate((log) => { log.scrollTop = log.scrollHeight; });
}

async function echo(tab) {
  await tab.page.locator("#place").selectOption("echo");
  await tab.state("open", "open: /echo");
  const text = saw("opcode 0x1 text", "6 bytes");
  await tab.say("Größ");
  await until([true, "echo", "Größ", text], () => tab.last());
  await tab.say("");
  await until([true, "echo", "(empty)", saw("opcode 0x1 text", "0 bytes")], () => tab.last());
  await tab.say("x", { binary: true });
  await until([true, "echo", "78", saw("opcode 0x2 binary", "1 byte")], () => tab.last());
  await tab.shot("phone-echo");

  // Of long messages the page shows the beginning. Into how many frames Chromium divides them is its own affair.
  const long = "x".repeat(2 ** 20);
  const last = async () => (await tab.last()).map((part) => String(part).replace(/[0-9]+ frames/, "1 frame"));
  for (const [binary, kind, start] of [
    [false, "opcode 0x1 text", "x".repeat(2 ** 16)],
    [true, "opcode 0x2 binary", Array(64).fill("78").join(" ")],
  ]) {
    await tab.say(long, { binary });
    const said = `${start}… (${2 ** 20} bytes)`;
    await until(["true", "echo", said, saw(kind, `${2 ** 20} bytes`)], last);
  }

  if (values.negotiated) {
    // A MiB of the same byte shrinks to little.
    const seen = await tab.page.locator("#log .seen").last().textContent();
    assert.match(seen, / [0-9]{1,4} bytes of payload on the wire · masked · compressed$/);
  }

  if (values.proxied) return;
  // What the server did not take is in the field again.
  await tab.page.locator("#text").fill(long + "x");
  await tab.page.locator("#send").click();
  await tab.state("over", `closed: 1009 (message of more than ${limit} bytes (max_message))`);
  assert.ok((await tab.page.locator("#text").inputValue()) === long + "x", "the text is gone");
  await tab.page.locator("#text").fill("");
  await tab.page.locator("#toggle").click();
  await tab.state("open", "open: /echo");
}

async function toggle(tab) {
  await tab.page.locator("#toggle").click();
  await tab.state("over", "closed: 1000");
  await tab.shot("phone-closed");
  await tab.page.locator("#toggle").click();
  await tab.state("open", "open: /echo");
}

/// Runs in the page: sends seeded messages and one of `limit` bytes to /echo, and compares what comes back.
async function exchange({ kind, limit, seed, count, longest }) {
  let chance = seed;
  const below = (bound) => {
    chance = (chance * 48271) % 2147483647;
    return chance % bound;
  };
  const messages = Array.from({ length: count }, () => {
    const size = Math.floor(2 ** ((below(1000) / 1000) * Math.log2(longest + 1))) - 1;
    if (kind === "binary") return Uint8Array.from({ length: size }, () => below(256)).buffer;
    return Array.from({ length: size >> 2 }, () => ["a", "ß", "世", "🪢"][below(4)]).join("");
  });
  messages.push(kind === "binary" ? new ArrayBuffer(limit) : "x".repeat(limit));
  if (kind === "binary") messages.push(new Blob(["a ", "blob"]));

  const socket = new WebSocket(new URL("/echo", location.href.replace("http", "ws")));
  socket.binaryType = "arraybuffer";
  const echoes = [];
  const closed = new Promise((resolve) => { socket.onclose = resolve; });
  socket.onmessage = ({ data }) => {
    echoes.push(data);
    if (echoes.length === messages.length) socket.close(1000);
  };
  socket.onopen = () => messages.forEach((message) => socket.send(message));
  const { code, wasClean: clean } = await closed;

  const differing = [];
  for (const [number, message] of messages.entries()) {
    const sent = message instanceof Blob ? await message.arrayBuffer() : message;
    const echo = echoes[number];
    if (sent instanceof ArrayBuffer && echo instanceof ArrayBuffer) {
      const [one, other] = [new Uint8Array(sent), new Uint8Array(echo)];
      if (one.length === other.length && one.every((byte, at) => byte === other[at])) continue;
    } else if (sent === echo) continue;
    differing.push(number);
  }
  return { differing, extensions: socket.extensions, code, clean };
}

/// Close codes that the page chooses come back, without its reasons; others are the server's.
async function closings(page) {
  const close = (how) => page.evaluate(async ({ args, size }) => {
    const socket = new WebSocket(new URL("/echo", location.href.replace("http", "ws")));
    const closed = new Promise((resolve) => { socket.onclose = resolve; });
    socket.onopen = () => {
      if (size) socket.send(new ArrayBuffer(size));
      else socket.close(...args);
    };
    const { code, reason, wasClean: clean } = await closed;
    return { code, reason, clean };
  }, how);
  assert.deepEqual(await close({ args: [] }), { code: 1005, reason: "", clean: true });
  assert.deepEqual(await close({ args: [1000, "done"] }), { code: 1000, reason: "", clean: true });
  assert.deepEqual(await close({ args: [3000] }), { code: 3000, reason: "", clean: true });
  assert.deepEqual(await close({ args: [4999, "Grüße"] }), { code: 4999, reason: "", clean: true });
  if (values.proxied) return;
  const reason = `message of more than ${limit} bytes (max_message)`;
  assert.deepEqual(await close({ size: limit + 1 }), { code: 1009, reason, clean: true });
}

/// What the server refuses is 1006 for a page; the browser says more on its console.
async function refusals(tab) {
  const refused = (from, to) => from.page.evaluate(async (to) => {
    const socket = new WebSocket(to);
    const { code, wasClean: clean } = await new Promise((resolve) => { socket.onclose = resolve; });
    return { code, clean };
  }, to);
  tab.assertQuiet();
  const server = page.replace("http", "ws");
  assert.deepEqual(await refused(tab, `${server}nowhere`), { code: 1006, clean: false });
  assert.match(tab.troubles.pop(), /Unexpected response code: 404/);
  tab.assertQuiet();

  // The same server by another name is another origin.
  await tab.page.goto(page.replace("127.0.0.1", "localhost"));
  await tab.state("open", "open: /chat, 2 members");
  assert.deepEqual(await refused(tab, `${server}chat`), { code: 1006, clean: false });
  assert.match(tab.troubles.pop(), /Unexpected response code: 403/);
  tab.assertQuiet();
}

/// Waits until `get` gives what is expected.
async function until(expected, get) {
  const end = Date.now() + patience;
  while (true) {
    const found = await get();
    if (isDeepStrictEqual(found, expected)) return;
    if (Date.now() > end) {
      const short = (values) => values.map((value) => value?.slice?.(0, 200) ?? value);
      assert.fail(`expected ${JSON.stringify(short(expected))}, found ${JSON.stringify(short(found))}`);
    }
    await sleep(20);
  }
}

mkdirSync(values.shots, { recursive: true });
browser = await launch(values.chromium, values.certificate);
try {
  const tooLong = sleep(everything, undefined, { ref: false }).then(() => assert.fail("it takes too long"));
  await Promise.race([run(), tooLong]);
} catch (error) {
  for (const [number, tab] of browser.contexts().flatMap((context) => context.pages()).entries()) {
    // A tab that hangs or is gone gives none; what went wrong before is what counts.
    await tab.screenshot({ path: path.join(values.shots, `failed-${number}.png`) })
      .catch((trouble) => console.error(`no screenshot of tab ${number}: ${trouble}`));
  }
  throw error;
} finally {
  await browser.close();
}
console.log("ok");
