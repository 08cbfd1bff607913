"""A peer made with python-osc.

python-osc-peer.py listen udp|asyncio|tcp [1.0|1.1]   prints `port N`, then a line for each message
python-osc-peer.py send udp|tcp PORT [1.0|1.1]        sends the packets that the lines of standard input describe

The lines read are those of line-text.ts; the lines printed hold no type tags, for handlers are not told them.
"""

import asyncio
import datetime
import sys
import urllib.parse

from pythonosc import dispatcher, osc_bundle_builder, osc_message_builder, osc_server, osc_tcp_server, tcp_client, udp_client

NTP_EPOCH = datetime.datetime(1900, 1, 1)
SECONDS_FROM_1900 = 2208988800


def token_of(value):
    if isinstance(value, str):
        return '"' + urllib.parse.quote(value, safe="") + '"'
    if isinstance(value, bytes):
        return f"<{value.hex()}>"
    if isinstance(value, list):
        return " ".join(["[", *map(token_of, value), "]"])
    if isinstance(value, tuple) and isinstance(value[0], datetime.datetime):
        return f"{int((value[0] - NTP_EPOCH).total_seconds()):08x}{value[1]:08x}"
    if isinstance(value, tuple):
        return bytes(value).hex()
    return repr(value)


def show(address, *args):
    print(address, *map(token_of, args), flush=True)


def listen(kind, mode):
    handlers = dispatcher.Dispatcher()
    handlers.set_default_handler(show)
    address = ("127.0.0.1", 0)
    if kind == "asyncio":
        asyncio.run(listen_in_loop(address, handlers))
        return
    if kind == "udp":
        server = osc_server.BlockingOSCUDPServer(address, handlers)
    else:
        server = osc_tcp_server.ThreadingOSCTCPServer(address, handlers, mode)
    print("port", server.server_address[1], flush=True)
    server.serve_forever()


async def listen_in_loop(address, handlers):
    server = osc_server.AsyncIOOSCUDPServer(address, handlers, asyncio.get_running_loop())
    transport, _ = await server.create_serve_endpoint()
    print("port", transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


def value_of(tag, token):
    if tag in "ih":
        return int(token)
    if tag in "fd":
        return float(token)
    if tag == "s":
        return urllib.parse.unquote(token[1:-1])
    if tag == "b":
        return bytes.fromhex(token[1:-1])
    if tag == "m":
        return tuple(bytes.fromhex(token))
    return int(token, 16)


def message_of(line):
    address, types, *tokens = line.split(" ")
    tags, tokens = iter(types[1:]), iter(tokens)

    def arguments():
        """The values and the types up to the end of an array, or of the message."""
        values, kinds = [], []
        for tag in tags:
            if tag == "]":
                break
            if tag == "[":
                value, kind = arguments()
            else:
                value, kind = {"T": True, "F": False, "N": None}.get(tag), tag
                if tag not in "TFN":
                    value = value_of(tag, next(tokens))
            values.append(value)
            kinds.append(kind)
        return values, kinds

    builder = osc_message_builder.OscMessageBuilder(address)
    for value, kind in zip(*arguments()):
        builder.add_arg(value, kind)
    return builder.build()


def packet_of(line, lines):
    if not line.startswith("#bundle "):
        return message_of(line)
    bits = int(line.split(" ")[1], 16)
    time = osc_bundle_builder.IMMEDIATELY if bits == 1 else bits / 2**32 - SECONDS_FROM_1900
    builder = osc_bundle_builder.OscBundleBuilder(time)
    for inside in lines:
        if inside == "#end":
            break
        builder.add_content(packet_of(inside, lines))
    return builder.build()


def send(kind, port, mode):
    if kind == "udp":
        client = udp_client.UDPClient("127.0.0.1", port)
    else:
        client = tcp_client.TCPClient("127.0.0.1", port, mode=mode)
    lines = iter(sys.stdin.read().splitlines())
    for line in lines:
        client.send(packet_of(line, lines))


what, kind, *rest = sys.argv[1:]
if what == "listen":
    listen(kind, rest[0] if rest else "1.1")
else:
    send(kind, int(rest[0]), rest[1] if len(rest) > 1 else "1.1")
