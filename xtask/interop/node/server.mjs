// A server made with LIBRARY.
//
// /close/CODE/REASON closes at once, /ping pings and sends a text once it has the pong, all else echoes. Prints its
// address, then for each connection `opened EXTENSIONS` and `closed CODE`. With several `--deflate`, it is as many servers.
// With a certificate and its key it speaks TLS.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { parseArgs } from "node:util";

import { deflate, library } from "./exchange.mjs";

async function serveWs(parameters) {
  const { WebSocketServer } = library("ws");
  const agree = parameters && { threshold: 0, ...parameters };
  const listener = encryption ? https.createServer(encryption) : http.createServer();
  const server = new WebSocketServer({
    server: listener,
    maxPayload: 0,
    perMessageDeflate: agree ?? false,
  });
  server.on("headers", (headers) => {
    const agreed = headers.find((header) => header.startsWith("Sec-WebSocket-Extensions: ")) ?? ": ";
    console.log(`opened ${agreed.slice(agreed.indexOf(": ") + 2)}`);
  });
  server.on("connection", (connection, { url }) => {
    const [, action, code, reason] = url.split("/");
    connection.on("message", (data, binary) => connection.send(data, { binary }));
    connection.on("pong", () => connection.send("the pong came"));
    connection.on("close", (code) => console.log(`closed ${code}`));
    connection.on("error", (error) => console.log(`error ${error.message}`));
    if (action === "close") connection.close(Number(code), reason);
    if (action === "ping") connection.ping("are you there");
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { address, port } = listener.address();
  console.log(`listening on ${encryption ? "wss" : "ws"}://${address}:${port}`);
}

const libraries = { ws: serveWs };

// `--deflate PARAMETERS`: agree to it.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    deflate: { type: "string", multiple: true },
    certificate: { type: "string" },
    key: { type: "string" },
  },
});
const { certificate, key } = values;
const encryption = certificate && { cert: readFileSync(certificate), key: readFileSync(key) };
for (const parameters of values.deflate ?? [undefined]) {
  await libraries[positionals[0]](parameters === undefined ? undefined : deflate(parameters));
}
