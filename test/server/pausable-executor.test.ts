import { expect, test } from "vitest";
import { PausableExecutor } from "../../src/server/io-thread/pausable-executor.ts";
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

function executorOf(pools: Notes[]): PausableExecutor {
  const start = (): Notes => {
    const pool = new Notes();
    pools.push(pool);
    return pool;
  };
  return new PausableExecutor(start, limitsOf({}), IGNORED, () => undefined);
}

test("starts no pool before the server listens, because that may run the program again", async () => {
  const pools: Notes[] = [];
  const executor = executorOf(pools);
  executor.execute(packet(1));
  await executor.close(0);
  expect(pools).toEqual([]);
});

test("starts the pool once, and passes packets on only while the server serves", async () => {
  const pools: Notes[] = [];
  const executor = executorOf(pools);
  executor.begin();
  executor.begin();
  executor.execute(packet(1));
  expect(pools).toHaveLength(1);
  expect(pools[0]?.asked).toEqual([]);
  executor.resume();
  executor.execute(packet(2));
  executor.pause();
  executor.execute(packet(3));
  await executor.close(0);
  expect(pools[0]?.asked).toEqual(["execute 1", "execute 2", "close"]);
});
