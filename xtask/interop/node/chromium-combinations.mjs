// Chromium, which offers permessage-deflate in one way only, at each of the echo servers at URLS, which answer in theirs.
//
// Prints `agreed PARAMETERS` for each connection, which are the server's answer, and `same COUNT` once that many messages
// have come back as they were sent.

import { parseArgs } from "node:util";

import { launch } from "./browser.mjs";
import { mixed } from "./exchange.mjs";

const { values, positionals: urls } = parseArgs({
  allowPositionals: true,
  options: { chromium: { type: "string" }, messages: { type: "string" }, longest: { type: "string" } },
});

/// Runs in the page.
async function converse({ url, seed, count, longest }) {
  // How many messages may be on their way.
  const ahead = 64;
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const messages = globalThis.mixed(seed, count, longest);
  const waiting = [];
  const sendNext = () => {
    const { value, done } = messages.next();
    if (done) return;
    waiting.push(value);
    socket.send(value);
  };
  const same = (sent, echo) => {
    if (typeof sent === "string" || typeof echo === "string") return sent === echo;
    const bytes = new Uint8Array(echo);
    return bytes.length === sent.length && bytes.every((byte, at) => byte === sent[at]);
  };
  let number = 0;
  let differing = "";
  socket.onopen = () => {
    for (let first = 0; first < ahead; first += 1) sendNext();
  };
  socket.onmessage = ({ data }) => {
    const sent = waiting.shift();
    if (!same(sent, data)) differing ||= `message ${number}: sent ${sent.slice(0, 40)}, got ${data.slice(0, 40)}`;
    number += 1;
    sendNext();
    if (waiting.length === 0) socket.close(1000);
  };
  const { code, wasClean } = await new Promise((resolve) => { socket.onclose = resolve; });
  if (code !== 1000 || !wasClean) differing ||= `closed with ${code} after ${number} messages`;
  return { extensions: socket.extensions, number, differing };
}

const browser = await launch(values.chromium);
try {
  const page = await browser.newPage();
  await page.evaluate(`globalThis.mixed = ${mixed}`);
  const [count, longest] = [values.messages, values.longest].map(Number);
  for (const [seed, url] of urls.entries()) {
    const { extensions, number, differing } = await page.evaluate(converse, { url, seed, count, longest });
    console.log(`agreed ${extensions}`);
    if (differing) throw new Error(differing);
    console.log(`same ${number}`);
  }
} finally {
  await browser.close();
}
