import { expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { AsyncOSCUDPServer, type ServerStats } from "../../src/server/index.ts";
import { Program } from "./program.ts";

test("an async server keeps no state for senders whose packets are handled or dropped", async () => {
  const program = new Program("many-sources.mjs", "--node-expose-gc", "--node-max-old-space-size=128");
  try {
    const kept = await program.told<{ heap: number; rss: number; stats: ServerStats }>("kept");
    expect(kept.stats).toMatchObject({ received: 400_000, inProgress: 0 });
    expect(kept.stats.dropped).toBeGreaterThan(0);
    expect(kept.heap).toBeLessThan(4 * 2 ** 20);
    expect(kept.rss).toBeLessThan(64 * 2 ** 20);
    expect(await program.ended).toBe(0);
  } finally {
    await program.dispose();
  }
}, 60_000);

test("an async server answers polite clients while a greedy one's handlers never end", async () => {
  const dispatcher = new Dispatcher();
  dispatcher.map("/hang", () => new Promise<void>(() => undefined));
  dispatcher.map("/ask", () => "/answer");
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher, {
    order: "none",
    concurrency: 8,
    closeTimeout: 1,
    onError: () => undefined,
  });
  const [transport, protocol] = await server.createServeEndpoint();
  const greedy = { address: { address: "192.0.2.7", port: 7, family: "IPv4" }, send: () => undefined } as const;
  const hang = encode(new OscMessage("/hang"));
  for (let index = 0; index < 100; index += 1) protocol.packetReceived(hang, greedy);
  const answers: Uint8Array[] = [];
  for (let host = 1; host <= 8; host += 1) {
    const address = { address: `198.51.100.${host}`, port: 9, family: "IPv4" } as const;
    protocol.packetReceived(encode(new OscMessage("/ask")), { address, send: (reply) => answers.push(reply) });
  }
  await transport.close();
  expect(answers).toHaveLength(8);
});

test.skipIf(process.platform !== "linux").each([
  ["250 greedy addresses", 250, 1, 8],
  ["50 greedy ports of its own address", 1, 50, 40],
])(
  "a blocking server lets a polite client wait for one turn of each of %s",
  async (_what, addresses, ports, packets) => {
    const program = new Program("turns.mjs", ...[addresses, ports, packets].map(String));
    try {
      const { before, handled } = await program.told<{ before: number; handled: number }>("turns");
      expect(handled).toBe(2000);
      expect(before).toBeLessThanOrEqual(addresses * ports);
    } finally {
      await program.dispose();
    }
  },
  60_000,
);
