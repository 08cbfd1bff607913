import { expect, test, vi } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { HANDLED } from "../../src/packet-result.ts";
import { TcpTransport, tcpOptionsOf } from "../../src/transport/tcp.ts";
import type { Peer } from "../../src/transport/transport.ts";
import { openWire } from "../shared/wire.ts";

test("a connection whose packets are never handled leaves room for those of others", async () => {
  const arrived: [Uint8Array, Peer][] = [];
  const transport = new TcpTransport(
    {
      transport: "tcp",
      path: null,
      host: "127.0.0.1",
      port: 0,
      options: tcpOptionsOf({}),
      maxPacketSize: 20_000,
      maxPackets: 100,
      maxBytes: 80_000,
    },
    {
      onPacket: (packet, peer) => arrived.push([packet, peer]),
      onError: (error) => {
        throw error;
      },
      refusal: () => null,
      onConnection: () => undefined,
    },
  );
  const address = await transport.open();
  const [greedy, polite] = [await openWire("tcp-1.0", address), await openWire("tcp-1.0", address)];
  const large = encode(new OscMessage("/large", new Uint8Array(10_000)));
  for (let count = 0; count < 20; count += 1) greedy.sendBytes(large);
  await vi.waitUntil(() => arrived.length > 0, { interval: 5 });
  polite.sendBytes(encode(new OscMessage("/small")));
  await vi.waitUntil(() => arrived.some(([packet]) => packet.length < 100), { interval: 5 });
  expect(arrived.filter(([packet]) => packet.length > 100).length).toBeLessThan(8);

  // As they are handled, the rest follows.
  for (let done = 0; done < 21; done += 1) {
    await vi.waitUntil(() => arrived.length > done, { interval: 5 });
    const [packet, peer] = arrived[done] as [Uint8Array, Peer];
    peer.settled?.(packet.length, HANDLED);
  }
  expect(arrived.length).toBe(21);
  await Promise.all([greedy.close(), polite.close()]);
  await transport.close();
});
