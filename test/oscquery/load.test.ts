import { once } from "node:events";
import { setInterval } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type OscMessage, decode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { Namespace } from "../../src/namespace/index.ts";
import { nodeToText } from "../../src/oscquery/attributes.ts";
import { closers, serve } from "./peer.ts";

describe("10,000 methods", () => {
  /** The best of five times, in ms of CPU: other programs may disturb the rest. */
  function best(run: () => void): number {
    const times = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      run();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    return Math.min(...times);
  }

  test("are written as JSON in less than 100 ms of CPU after all values have changed", () => {
    const namespace = new Namespace();
    const range = [{ min: 0, max: 1e6, clip: "both" }] as const;
    const addresses = Array.from({ length: 10_000 }, (_, index) => `/group${index % 100}/method${index}`);
    for (const address of addresses) namespace.add(address, { types: "f", range, unit: "gain.linear", description: "Fader" });
    for (const [index, address] of addresses.entries()) namespace.set(address, [index]);
    expect(best(() => nodeToText(namespace.root))).toBeLessThan(100);
    namespace.set("/group1/method1", [77]);
    expect(nodeToText(namespace.root)).toContain('"FULL_PATH":"/group1/method1","ACCESS":3');
    expect(JSON.parse(nodeToText(namespace.node("/group1/method1")!))).toMatchObject({ VALUE: [77], TYPE: "f", CLIPMODE: ["both"] });
  }, 60_000);

  test("make it no slower to map one more: it takes microseconds", () => {
    const dispatcher = new Dispatcher();
    const description = { types: "f", value: [0] } as const;
    const map = (name: string, count: number): void => {
      for (let index = 0; index < count; index += 1) dispatcher.map(`/${name}${index % 100}/${index}`, description, () => undefined);
    };
    map("group", 10_000);
    let round = 0;
    expect(best(() => map(`round${(round += 1)}`, 100)) / 100).toBeLessThan(0.2);
  }, 60_000);
});

test("1,000 listeners on 100 connections miss none of 5,000 changes per second, in bounded memory", async () => {
  const CONNECTIONS = 100;
  const LISTENS = 10;
  const [ROUNDS, BATCH] = [200, 50];
  const namespace = new Namespace();
  const addresses = Array.from({ length: 100 }, (_, index) => `/level/${index}`);
  for (const address of addresses) namespace.add(address, { types: "i", value: [0] });
  const server = await serve(namespace);
  /** One client: the last value of each method, which must be one more each time. */
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, index) => {
      const socket = new WebSocket(server.url.replace("http", "ws"));
      closers.push(() => socket.terminate());
      const last = new Map<string, number>();
      const counts = { got: 0, wrong: 0 };
      const total = LISTENS * (1 + (ROUNDS * BATCH) / addresses.length);
      const whole = new Promise<void>((resolve) => {
        socket.on("message", (data: Buffer) => {
          const { address, args } = decode(data) as OscMessage;
          if (args[0] !== (last.get(address) ?? -1) + 1) counts.wrong += 1;
          last.set(address, args[0] as number);
          counts.got += 1;
          if (counts.got === total) resolve();
        });
      });
      await once(socket, "open");
      for (let method = 0; method < LISTENS; method += 1)
        socket.send(JSON.stringify({ COMMAND: "LISTEN", DATA: addresses[(index % 10) * LISTENS + method] }));
      return { counts, whole, total };
    }),
  );
  await expect.poll(() => server.stats().listeners, { timeout: 20_000 }).toBe(CONNECTIONS * LISTENS);
  const before = process.memoryUsage().rss;
  let most = before;
  let round = 0;
  let change = 0;
  for await (const _ of setInterval(10)) {
    for (let index = 0; index < BATCH; index += 1, change += 1) {
      namespace.set(addresses[change % addresses.length] ?? "", [Math.floor(change / addresses.length) + 1]);
    }
    most = Math.max(most, process.memoryUsage().rss);
    round += 1;
    if (round === ROUNDS) break;
  }
  await Promise.all(clients.map(({ whole }) => whole));
  for (const { counts, total } of clients) expect(counts).toEqual({ got: total, wrong: 0 });
  const sent = clients.reduce((sum, { total }) => sum + total, 0);
  expect(server.stats()).toMatchObject({ connections: CONNECTIONS, listeners: 1000, sent, replaced: 0, dropped: 0 });
  expect(most - before).toBeLessThan(200 * 1024 * 1024);
}, 60_000);
