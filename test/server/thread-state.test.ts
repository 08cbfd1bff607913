import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test, vi } from "vitest";
import { isRunnable, systemThreadId } from "../../src/server/thread/thread-state.ts";

test.runIf(process.platform === "linux")("a thread that computes is told from one that waits", async () => {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const program = `
    const { readlinkSync } = require("node:fs");
    const { parentPort, workerData } = require("node:worker_threads");
    parentPort.postMessage(Number(readlinkSync("/proc/thread-self").split("/").at(-1)));
    Atomics.wait(workerData, 0, 0);
    while (Atomics.load(workerData, 0) === 1);`;
  const worker = new Worker(program, { eval: true, workerData: gate });
  try {
    const [id] = (await once(worker, "message")) as [number];
    await vi.waitUntil(() => !isRunnable(id));
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    await vi.waitUntil(() => isRunnable(id));
  } finally {
    await worker.terminate();
  }
  expect(isRunnable(systemThreadId() as number)).toBe(true);
});

test("a thread that is not there does not compute", () => {
  expect(isRunnable(2 ** 22 + 1)).toBe(false);
});
