"""Servers of PyPI's websockets for tests/interop.sh: without and with permessage-deflate.

Prints `plain PORT` and `deflate PORT` once both listen. Ends when its standard input does.

/echo?tag=T      sends every message back, and remembers how the client closed
/closed?tag=T    says how: `CODE REASON`
/close?code=C    closes with this code and the reason `as asked`, once a message has come
/pings?count=N   sends so many pings; says `N answered` when all are
/fragments       sends every message back in fragments of 1,000 characters or bytes
/about           says the subprotocol and the extensions, as `[SUBPROTOCOL] [EXTENSIONS]`
"""

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

# How the clients that bore a tag have closed.
closed = {}


async def echo(socket, tag):
    try:
        async for message in socket:
            await socket.send(message)
    finally:
        if tag:
            closed.setdefault(tag, asyncio.get_running_loop().create_future()).set_result(socket)


async def tell_closed(socket, tag):
    ended = await closed.setdefault(tag, asyncio.get_running_loop().create_future())
    await ended.wait_closed()
    await socket.send(f"{ended.close_code} {ended.close_reason}")


async def fragments(socket):
    async for message in socket:
        if len(message) <= 1000:
            await socket.send([message])
        else:
            await socket.send([message[at : at + 1000] for at in range(0, len(message), 1000)])


async def serve_one(socket):
    url = urlsplit(socket.request.path)
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    try:
        if url.path == "/echo":
            await echo(socket, asked.get("tag"))
        elif url.path == "/closed":
            await tell_closed(socket, asked["tag"])
        elif url.path == "/close":
            await socket.recv()
            await socket.close(int(asked["code"]), "as asked")
        elif url.path == "/pings":
            answers = [await socket.ping() for _ in range(int(asked["count"]))]
            await asyncio.gather(*answers)
            await socket.send(f"{len(answers)} answered")
        elif url.path == "/fragments":
            await fragments(socket)
        elif url.path == "/about":
            extensions = ",".join(extension.name for extension in socket.protocol.extensions)
            await socket.send(f"[{socket.subprotocol or ''}] [{extensions}]")
        await socket.wait_closed()
    except ConnectionClosed:
        pass


def prefer_v2(_, offered):
    return "chat.v2" if "chat.v2" in offered else None


async def main():
    for name, compression in [("plain", None), ("deflate", "deflate")]:
        server = await serve(
            serve_one,
            "127.0.0.1",
            0,
            compression=compression,
            select_subprotocol=prefer_v2,
            max_size=None,
            ping_interval=None,
        )
        print(name, server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
