// A client made with ws: for each OFFER of permessage-deflate a connection to the echo server at URL.
//
// Prints `agreed PARAMETERS` for each connection, which are the server's answer, and `same COUNT` once that many messages
// have come back as they were sent.

import assert from "node:assert/strict";
import { once } from "node:events";
import { parseArgs } from "node:util";

import { deflate, library, mixed } from "./exchange.mjs";

const { WebSocket } = library("ws");

/// How many messages may be on their way.
const ahead = 64;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { messages: { type: "string" }, longest: { type: "string" } },
});
const [url, ...offers] = positionals;

for (const [seed, offer] of offers.entries()) {
  const perMessageDeflate = { threshold: 0, ...deflate(offer) };
  const socket = new WebSocket(url, { perMessageDeflate, maxPayload: 0 });
  const [[response]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
  console.log(`agreed ${response.headers["sec-websocket-extensions"] ?? ""}`);

  const messages = mixed(seed, Number(values.messages), Number(values.longest));
  const waiting = [];
  const sendNext = () => {
    const { value, done } = messages.next();
    if (done) return;
    waiting.push(value);
    socket.send(value);
  };
  let count = 0;
  await new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code} after ${count} messages`)));
    socket.on("message", (data, binary) => {
      const sent = waiting.shift();
      const same = typeof sent === "string" ? !binary && data.toString() === sent : binary && data.equals(sent);
      if (!same) reject(new Error(`message ${count}: sent ${sent.slice(0, 40)}, got ${data.subarray(0, 40)}`));
      count += 1;
      sendNext();
      if (waiting.length === 0) resolve();
    });
    for (let number = 0; number < ahead; number += 1) sendNext();
  });
  console.log(`same ${count}`);
  socket.removeAllListeners("close");
  socket.close(1000);
  const [code] = await once(socket, "close");
  assert.equal(code, 1000);
}
