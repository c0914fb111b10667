// A client made with LIBRARY: converses with the echo server at URL, closes in several ways, prints `ok`.

import assert from "node:assert/strict";
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import { parseArgs } from "node:util";

import { assertNegotiated, deflate, library, samples, seeded } from "./exchange.mjs";

/// Messages that have come and nobody has asked for yet, and the end after them.
class Arrivals {
  #arrived = [];
  #wake = () => {};

  push(arrival) {
    this.#arrived.push(arrival);
    this.#wake();
  }

  async next() {
    while (this.#arrived.length === 0) await new Promise((resolve) => { this.#wake = resolve; });
    return this.#arrived.shift();
  }
}

async function openWs(url, parameters) {
  const { WebSocket } = library("ws");
  const offer = parameters && { threshold: 0, ...parameters };
  const socket = new WebSocket(url, { perMessageDeflate: offer ?? false, maxPayload: 0 });
  const arrivals = new Arrivals();
  // Failures end in `close` too.
  socket.on("error", () => {});
  socket.on("message", (data, binary) => arrivals.push(binary ? data : data.toString()));
  socket.on("close", (code) => arrivals.push({ code }));
  const [[response]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
  return {
    extensions: response.headers["sec-websocket-extensions"] ?? "",
    next: () => arrivals.next(),
    send: (message) => socket.send(message),
    close: (code, reason) => socket.close(code, reason),
    async ping(payload) {
      socket.ping(payload);
      const [answer] = await once(socket, "pong");
      return answer.toString();
    },
    sendFragments: (parts) => parts.forEach((part, at) => socket.send(part, { fin: at === parts.length - 1 })),
    sendBadText: () => socket.send(Buffer.from([0xff]), { binary: false }),
  };
}

/// It offers deflate always, with the parameters that browsers use, and can send neither fragments nor bad text.
async function openUndici(url) {
  const { WebSocket, ping } = library("undici");
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const arrivals = new Arrivals();
  socket.addEventListener("message", ({ data }) => {
    arrivals.push(typeof data === "string" ? data : Buffer.from(data));
  });
  socket.addEventListener("close", ({ code }) => arrivals.push({ code }));
  await once(socket, "open");
  return {
    extensions: socket.extensions,
    next: () => arrivals.next(),
    send: (message) => socket.send(message),
    close: (code, reason) => socket.close(code, reason),
    ping(payload) {
      return new Promise((resolve) => {
        diagnostics.subscribe("undici:websocket:pong", ({ payload }) => resolve(payload.toString()));
        ping(socket, Buffer.from(payload));
      });
    },
  };
}

const libraries = { ws: openWs, undici: openUndici };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // Offer it, with these parameters.
    deflate: { type: "string" },
    // Words that the agreed extensions hold.
    negotiated: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    messages: { type: "string", default: "200" },
    longest: { type: "string", default: "65536" },
    // An echo server that takes messages of up to `limit` bytes.
    limited: { type: "string" },
    limit: { type: "string" },
  },
});
const [name, url] = positionals;
const parameters = values.deflate === undefined ? undefined : deflate(values.deflate);
const open = (to = url) => libraries[name](to, parameters);

async function exchange(peer, messages) {
  for (const message of messages) peer.send(message);
  for (const [number, message] of messages.entries()) {
    const echo = await peer.next();
    const same = typeof message === "string" ? echo === message : Buffer.isBuffer(echo) && echo.equals(message);
    const found = echo.slice?.(0, 40) ?? JSON.stringify(echo);
    assert.ok(same, `message ${number}: sent ${message.slice(0, 40)}, got ${found}`);
  }
}

const { seed, messages, longest } = values;
const peer = await open();
assertNegotiated(peer.extensions, values.negotiated);
await exchange(peer, [...samples, ...seeded(Number(seed), Number(messages), Number(longest))]);
if (peer.sendFragments) {
  peer.sendFragments(["one ", "message ", "in fragments"]);
  assert.equal(await peer.next(), "one message in fragments");
}
assert.equal(await peer.ping("are you there"), "are you there");
peer.close(1000, "done");
assert.deepEqual(await peer.next(), { code: 1000 });

const other = await open();
other.close(4999, "Grüße");
assert.deepEqual(await other.next(), { code: 4999 });

const silent = await open();
silent.close();
assert.deepEqual(await silent.next(), { code: 1005 });

if (values.limited) {
  const long = await open(values.limited);
  const limit = Number(values.limit);
  await exchange(long, [Buffer.alloc(limit)]);
  long.send(Buffer.alloc(limit + 1));
  assert.deepEqual(await long.next(), { code: 1009 });
}

const bad = await open();
if (bad.sendBadText) {
  bad.sendBadText();
  assert.deepEqual(await bad.next(), { code: 1007 });
} else {
  bad.close();
}
console.log("ok");
