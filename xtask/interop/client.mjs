// A client made with `ws`: exchanges messages with the echo server at URL, closes, prints `ok`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";

const { WebSocket } = createRequire(import.meta.url)("ws");

const connection = new WebSocket(process.argv[2]);
await once(connection, "open");

async function exchange(message) {
  const binary = typeof message !== "string";
  connection.send(message);
  const [data, isBinary] = await once(connection, "message");
  assert.equal(isBinary, binary);
  assert.ok(data.equals(Buffer.from(message)), "the echo differs");
}

await exchange("hi");
await exchange("");
await exchange("Grüße, 世界 🪢");
await exchange(Buffer.alloc(0));
await exchange(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
await exchange("x".repeat(2 ** 20));
await exchange(Buffer.alloc(2 ** 20, 7));

connection.send("one ", { fin: false });
connection.send("message ", { fin: false });
connection.send("in fragments", { fin: true });
const [fragments] = await once(connection, "message");
assert.equal(fragments.toString(), "one message in fragments");

connection.ping("are you there");
const [pong] = await once(connection, "pong");
assert.equal(pong.toString(), "are you there");

connection.close(1000, "done");
const [code] = await once(connection, "close");
assert.equal(code, 1000);
console.log("ok");
