// An echo server made with `ws`: prints its address, then `closed CODE` for each connection.

import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(import.meta.url)("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`listening on ws://${address}:${port}`);
});
server.on("connection", (connection) => {
  connection.on("message", (data, isBinary) => connection.send(data, { binary: isBinary }));
  connection.on("close", (code) => console.log(`closed ${code}`));
  connection.on("error", (error) => console.log(`error ${error.message}`));
});
