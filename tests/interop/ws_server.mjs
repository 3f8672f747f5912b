// Servers of npm's ws for tests/interop.sh: without and with permessage-deflate.
//
// Prints `plain PORT` and `deflate PORT` once both listen. Ends when its standard input does. What can be asked of it is
// written down in websockets_server.py.

import { createRequire } from "node:module";

// The package is installed elsewhere, in the folder of the first argument.
const { WebSocketServer } = createRequire(`${process.argv[2]}/`)("ws");

// How the clients that bore a tag have closed, as promises, and those that keep them.
const closed = new Map();

function closing(tag) {
  if (!closed.has(tag)) {
    let settle;
    const known = new Promise((resolve) => (settle = resolve));
    closed.set(tag, { known, settle });
  }
  return closed.get(tag);
}

function echo(socket, tag) {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  if (tag) {
    socket.on("close", (code, reason) => closing(tag).settle(`${code} ${reason}`));
  }
}

function fragments(socket) {
  socket.on("message", (data, binary) => {
    let at = 0;
    do {
      const end = at + 1000;
      socket.send(data.subarray(at, end), { binary, fin: end >= data.length });
      at = end;
    } while (at < data.length);
  });
}

// A client may answer the latest ping alone, for all before it (RFC 6455 section 5.5.3).
function pings(socket, count) {
  socket.on("pong", (payload) => {
    if (String(payload) === String(count - 1)) {
      socket.send(`${count} answered`);
    }
  });
  for (let sent = 0; sent < count; sent += 1) {
    socket.ping(String(sent));
  }
}

async function serve(socket, request) {
  // What a client does wrong is its own fault, and it finds out.
  socket.on("error", () => {});
  const url = new URL(request.url, "ws://localhost");
  const asked = url.searchParams;
  switch (url.pathname) {
    case "/echo":
      return echo(socket, asked.get("tag"));
    case "/closed":
      return socket.send(await closing(asked.get("tag")).known);
    case "/close":
      return socket.once("message", () => socket.close(Number(asked.get("code")), "as asked"));
    case "/pings":
      return pings(socket, Number(asked.get("count")));
    case "/fragments":
      return fragments(socket);
    case "/about":
      return socket.send(`[${socket.protocol}] [${socket.extensions.split(";")[0]}]`);
  }
}

const options = {
  host: "127.0.0.1",
  port: 0,
  maxPayload: 0,
  handleProtocols: (offered) => offered.has("chat.v2") && "chat.v2",
};
for (const [name, perMessageDeflate] of [
  ["plain", false],
  ["deflate", { threshold: 0 }],
]) {
  const server = new WebSocketServer({ ...options, perMessageDeflate });
  server.on("connection", serve);
  server.on("listening", () => console.log(name, server.address().port));
}
process.stdin.on("end", () => process.exit()).resume();
