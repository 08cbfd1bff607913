/** No process that a test starts outlives that test, however it ends: seen to here, for every test file. */
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { afterAll, beforeEach } from "vitest";

/** The processes that run, and the test that started each; null: a hook of the file, or one of several tests that run at the same time. */
const running = new Map<ChildProcess, string | null>();
let current: string | null = null;

subscribe("child_process", onProcess);
// So vitest ends a process of tests, and so it shows that it has been ended itself.
for (const event of ["SIGTERM", "disconnect"]) process.once(event, giveUp);

beforeEach(({ task, onTestFinished }) => {
  if (task.concurrent === true) return;
  current = task.id;
  // Of these functions, the first is called last.
  onTestFinished(async () => {
    current = null;
    await endThoseOf(task.id);
  });
});

// The next file of tests may have the same process, and does all this again.
afterAll(async () => {
  unsubscribe("child_process", onProcess);
  for (const event of ["SIGTERM", "disconnect"]) process.off(event, giveUp);
  await endThoseOf(null);
});

function onProcess(message: unknown): void {
  const { process: child } = message as { readonly process: ChildProcess };
  const owner = current;
  // It is told of before it is started.
  child.once("spawn", () => {
    running.set(child, owner);
    child.once("exit", () => running.delete(child));
  });
}

function giveUp(): void {
  for (const child of running.keys()) child.kill("SIGKILL");
  process.exit(1);
}

async function endThoseOf(test: string | null): Promise<void> {
  const left = [...running].filter(([, owner]) => owner === test).map(([child]) => child);
  await Promise.all(
    left.map(async (child) => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }),
  );
  if (left.length > 0) throw new Error(`These were still running: ${left.map(({ spawnargs }) => spawnargs.join(" ")).join("; ")}`);
}
