"""An echo server on the Python package websockets.

Its flags and its output are those that echo-listen.js describes.
"""

import argparse
import asyncio
import logging
import sys

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--addr", default="127.0.0.1:0")
    parser.add_argument("--compress", default="off", choices=["off", "on", "takeover"])
    args = parser.parse_args()
    host, _, port = args.addr.rpartition(":")

    # Takeover is the library's default, with its smaller window and all.
    deflate = {"compression": "deflate" if args.compress == "takeover" else None}
    if args.compress == "on":
        factory = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True, client_no_context_takeover=True
        )
        deflate["extensions"] = [factory]

    # Its pings would come between the frames of a slow case.
    serving = websockets.serve(echo, host, int(port), max_size=32 << 20, ping_interval=None, **deflate)
    async with serving as server:
        address, port = server.sockets[0].getsockname()[:2]
        print(f"listening ws://{address}:{port}/", flush=True)
        # In a thread of its own: a pipe need not be what asyncio can read.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


logging.getLogger("websockets").addHandler(logging.NullHandler())
logging.getLogger("websockets").propagate = False
asyncio.run(main())
