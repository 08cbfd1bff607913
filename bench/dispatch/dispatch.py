"""Times python-osc's dispatcher: nanoseconds per packet. Usage: dispatch.py ADDRESSES FILE"""
import sys
import time

from pythonosc.dispatcher import Dispatcher

CONTROLS = ["gain", "pan", "mute", "solo", "low", "mid", "high", "name"]
count = int(sys.argv[1])
calls = 0


def handler(address, value):
    global calls
    calls += value


dispatcher = Dispatcher()
for index in range(count):
    dispatcher.map(f"/mixer/channel/{index >> 3}/{CONTROLS[index & 7]}", handler)

data = open(sys.argv[2], "rb").read()
packets = []
at = 0
while at < len(data):
    size = int.from_bytes(data[at : at + 2], "big")
    packets.append(data[at + 2 : at + 2 + size])
    at += 2 + size

start = time.perf_counter_ns()
done = 0
while done == 0 or time.perf_counter_ns() - start < 300_000_000:
    dispatcher.call_handlers_for_packet(packets[done % len(packets)], ("127.0.0.1", 9000))
    done += 1
elapsed = time.perf_counter_ns() - start
if calls < done:
    sys.exit("handlers were not called")
print(elapsed / done)
