"""A python-osc UDP server, by kind. Does the same as server.mjs."""
import asyncio
import sys
import threading

from pythonosc import osc_server
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import build_msg

kind = sys.argv[1]
lock = threading.Lock()
counted = 0
transport = None


def count(address, value):
    global counted
    with lock:
        counted += 1


def echo(client, address, n):
    reply = build_msg("/r", [n]).dgram
    if transport is None:
        server.socket.sendto(reply, client)
    else:
        transport.sendto(reply, client)


def report(address, *args):
    print(counted, flush=True)


dispatcher = Dispatcher()
dispatcher.map("/count", count)
dispatcher.map("/echo", echo, needs_reply_address=True)
dispatcher.map("/report", report)

if kind == "asyncio":

    async def main():
        global transport
        server = osc_server.AsyncIOOSCUDPServer(("127.0.0.1", 0), dispatcher, asyncio.get_running_loop())
        transport, _ = await server.create_serve_endpoint()
        print(transport.get_extra_info("sockname")[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
else:
    classes = {"blocking": osc_server.BlockingOSCUDPServer, "threading": osc_server.ThreadingOSCUDPServer}
    server = classes[kind](("127.0.0.1", 0), dispatcher)
    print(server.server_address[1], flush=True)
    server.serve_forever()
