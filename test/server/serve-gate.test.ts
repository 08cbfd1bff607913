import { expect, test } from "vitest";
import { ServeGate } from "../../src/server/io-thread/serve-gate.ts";
import { limitsOf } from "../../src/server/options.ts";
import type { Executor, ExecutorEvents, Packet } from "../../src/server/executor.ts";

const IGNORED: ExecutorEvents = {
  end: () => undefined,
  reply: () => undefined,
  report: () => undefined,
  shutdown: () => undefined,
};

/** A pool that only notes what is asked of it. */
class Notes implements Executor {
  readonly asked: string[] = [];

  execute({ data }: Packet): void {
    this.asked.push(`execute ${data[0]}`);
  }

  close(): Promise<void> {
    this.asked.push("close");
    return Promise.resolve();
  }
}

function packet(number: number): Packet {
  const address = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;
  const peer = { address, key: "peer", paced: false, send: () => undefined, settled: () => undefined };
  return { data: Uint8Array.of(number), peer, asOf: Infinity, fresh: true };
}

function gateOf(pools: Notes[]): ServeGate {
  const start = (): Notes => {
    const pool = new Notes();
    pools.push(pool);
    return pool;
  };
  return new ServeGate(start, limitsOf({}), IGNORED, () => undefined);
}

test("a server whose address is taken has started no pool, for that may run the program again", async () => {
  const pools: Notes[] = [];
  const gate = gateOf(pools);
  gate.execute(packet(1));
  await gate.close(0);
  expect(pools).toEqual([]);
});

test("the pool is there once the server listens, and has packets only once it serves", async () => {
  const pools: Notes[] = [];
  const gate = gateOf(pools);
  gate.begin();
  gate.begin();
  gate.execute(packet(1));
  expect(pools).toHaveLength(1);
  expect(pools[0]?.asked).toEqual([]);
  gate.open();
  gate.execute(packet(2));
  gate.shut();
  gate.execute(packet(3));
  await gate.close(0);
  expect(pools[0]?.asked).toEqual(["execute 1", "execute 2", "close"]);
});
