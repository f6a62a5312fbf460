"""The Python package websockets, as client and as server.

Commands, answers and events are those that lines.js describes.
"""

import asyncio
import base64
import json
import sys
from http import HTTPStatus

import websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

conns = {}
listeners = {}


def write(fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def event(name, **fields):
    write({"event": name, **fields})


def extensions(factory, deflate):
    """Says in this library's words what compression is wanted."""
    if deflate is None:
        return None
    settings = {
        "server_no_context_takeover": deflate.get("noServerTakeover", False),
        "client_no_context_takeover": deflate.get("noClientTakeover", False),
    }
    if deflate.get("serverBits"):
        settings["server_max_window_bits"] = deflate["serverBits"]
    if deflate.get("clientBits"):
        settings["client_max_window_bits"] = deflate["clientBits"]
    return [factory(**settings)]


# What both sides are given: no limit on messages, no keepalive, and no
# compression beside that of extensions.
COMMON = {"max_size": None, "ping_interval": None, "compression": None}


def response_header(ws, name):
    """Finds a field of the handshake's answer in old and new releases."""
    headers = ws.response.headers if hasattr(ws, "response") else ws.response_headers
    return headers.get(name, "")


def attach(ws):
    number = max(conns, default=0) + 1
    conns[number] = ws
    return number


async def read(ws, number, options):
    """Receives until the connection is over, and answers each message."""
    try:
        async for message in ws:
            text = isinstance(message, str)
            data = message.encode() if text else message
            if not options.get("echo"):
                event(
                    "message",
                    conn=number,
                    type="text" if text else "binary",
                    data=base64.b64encode(data).decode(),
                )
                continue
            size = options.get("fragment")
            parts = [data[at : at + size] for at in range(0, len(data), size)] if size else []
            await send(ws, text, parts or [data])
    except websockets.ConnectionClosed:
        pass
    await ws.wait_closed()
    event("close", conn=number, code=ws.close_code, reason=ws.close_reason or "")


async def send(ws, text, parts):
    """Sends one message in as many frames as there are parts."""
    if len(parts) == 1:
        await ws.send(parts[0].decode() if text else parts[0])
    elif text:
        await ws.send([part.decode() for part in parts])
    else:
        await ws.send(parts)


async def listen(command):
    async def serve(ws, *_):
        number = attach(ws)
        event(
            "open",
            listener=port,
            conn=number,
            extensions=response_header(ws, "Sec-WebSocket-Extensions"),
            subprotocol=ws.subprotocol or "",
        )
        await read(ws, number, command)

    def refuse(first, _):
        if not command.get("refuse"):
            return None
        status = HTTPStatus(command["refuse"])
        if isinstance(first, str):  # the path: a release before 14
            return status, {"X-Why": "a test"}, b""
        response = first.respond(status, "")
        response.headers["X-Why"] = "a test"
        return response

    server = await websockets.serve(
        serve,
        "127.0.0.1",
        0,
        extensions=extensions(ServerPerMessageDeflateFactory, command.get("deflate")),
        subprotocols=command.get("subprotocols") or None,
        process_request=refuse,
        **COMMON,
    )
    port = list(server.sockets)[0].getsockname()[1]
    listeners[port] = server
    return {"listener": port, "url": f"ws://127.0.0.1:{port}/"}


async def unlisten(command):
    listeners.pop(command["listener"]).close()


async def dial(command):
    ws = await websockets.connect(
        command["url"],
        extensions=extensions(ClientPerMessageDeflateFactory, command.get("deflate")),
        subprotocols=command.get("subprotocols") or None,
        **COMMON,
    )
    number = attach(ws)
    start(read(ws, number, command))
    return {
        "conn": number,
        "extensions": response_header(ws, "Sec-WebSocket-Extensions"),
        "subprotocol": ws.subprotocol or "",
    }


async def send_command(command):
    async def sending():
        try:
            await send(conns[command["conn"]], command["type"] == "text", parts)
        except websockets.ConnectionClosed as err:
            event("error", conn=command["conn"], message=str(err))

    # It takes as long as the other side takes to read.
    parts = [base64.b64decode(part) for part in command["parts"]]
    start(sending())


async def ping(command):
    async def pong():
        try:
            await waiter
        except websockets.ConnectionClosed:
            return
        event("pong", conn=command["conn"], data=command["data"])

    waiter = await conns[command["conn"]].ping(base64.b64decode(command["data"]))
    start(pong())


async def close(command):
    # The library has no close without a code: 1000 is its default.
    settings = {name: command[name] for name in ("code", "reason") if command.get(name)}
    start(conns[command["conn"]].close(**settings))


async def cut(command):
    conns[command["conn"]].transport.abort()


COMMANDS = {
    "listen": listen,
    "unlisten": unlisten,
    "dial": dial,
    "send": send_command,
    "ping": ping,
    "close": close,
    "cut": cut,
}

tasks = set()


def start(work):
    """Runs work beside the commands, and keeps it from being forgotten."""
    task = asyncio.ensure_future(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def answer(command):
    try:
        result = await COMMANDS[command["do"]](command)
        write({"id": command["id"], **(result or {})})
    except Exception as err:
        write({"id": command["id"], "error": f"{type(err).__name__}: {err}"})


async def main():
    stdin = asyncio.StreamReader(limit=64 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    write({"ready": f"websockets {websockets.__version__}"})
    while line := await stdin.readline():
        start(answer(json.loads(line)))


asyncio.run(main())
