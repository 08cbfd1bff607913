"""A python-osc server, by kind, mode and number of clients. Same output as oscine.mjs."""
import asyncio
import sys

from pythonosc import osc_tcp_server
from pythonosc.dispatcher import Dispatcher

kind, mode, clients = sys.argv[1], sys.argv[2], int(sys.argv[3])
total = 0.0
finished = 0


def gain(address, value):
    global total
    total += value


def done(address, *args):
    global finished
    finished += 1
    if finished % clients == 0:
        print("done", total, flush=True)


dispatcher = Dispatcher()
dispatcher.map("/mixer/channel/12/gain", gain)
dispatcher.map("/done", done)

if kind == "async":

    async def main():
        # It can't report an assigned port, so choose one here.
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = osc_tcp_server.AsyncOSCTCPServer("127.0.0.1", port, dispatcher, mode=mode)
        starting = asyncio.ensure_future(server.start())
        await asyncio.sleep(0.3)
        print(port, flush=True)
        await starting

    asyncio.run(main())
else:
    classes = {"blocking": osc_tcp_server.BlockingOSCTCPServer, "threading": osc_tcp_server.ThreadingOSCTCPServer}
    server = classes[kind](("127.0.0.1", 0), dispatcher, mode=mode)
    print(server.server_address[1], flush=True)
    server.serve_forever()
