"""A python-osc server, by kind; prints its port. Same handlers as server.mjs."""
import asyncio
import sys
import time

from pythonosc import osc_server
from pythonosc.dispatcher import Dispatcher

kind = sys.argv[1]


def echo(address, n):
    return ("/r", n)


def sleep(address, n):
    time.sleep(0.02)
    return ("/r", n)


def burn(address, n):
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:
        pass
    return ("/r", n)


dispatcher = Dispatcher()
dispatcher.map("/echo", echo)
dispatcher.map("/sleep", sleep)
dispatcher.map("/burn", burn)

if kind == "async":
    # Its async server doesn't send handlers' return values, so these handlers reply themselves.
    async def main():
        loop = asyncio.get_running_loop()
        holder = {}

        def answering(handler):
            def answer(client, address, n):
                from pythonosc.osc_message_builder import build_msg

                reply = handler(address, n)
                holder["transport"].sendto(build_msg(reply[0], [reply[1]]).dgram, client)

            return answer

        answering_dispatcher = Dispatcher()
        for address, handler in (("/echo", echo), ("/sleep", sleep), ("/burn", burn)):
            answering_dispatcher.map(address, answering(handler), needs_reply_address=True)
        server = osc_server.AsyncIOOSCUDPServer(("127.0.0.1", 0), answering_dispatcher, loop)
        holder["transport"], _ = await server.create_serve_endpoint()
        print(holder["transport"].get_extra_info("sockname")[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
else:
    classes = {
        "blocking": osc_server.BlockingOSCUDPServer,
        "threading": osc_server.ThreadingOSCUDPServer,
        "forking": osc_server.ForkingOSCUDPServer,
    }
    server = classes[kind](("127.0.0.1", 0), dispatcher)
    print(server.server_address[1], flush=True)
    server.serve_forever()
