// ws, for scale: `node.cjs ADDR [--deflate]` prints the address it listens on, and echoes for ever.

const { WebSocketServer } = require("ws");

const [address, ...options] = process.argv.slice(2);
const [host, port] = address.split(":");
const server = new WebSocketServer({
  host,
  port: Number(port),
  maxPayload: 0,
  perMessageDeflate: options.includes("--deflate"),
});
server.on("connection", (connection) => {
  connection.on("message", (data, binary) => connection.send(data, { binary }));
  connection.on("error", (error) => console.error(error.message));
});
server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
