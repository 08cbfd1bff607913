/** Servers of NATS that go and come back, and workers that are killed, under traffic. */
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscNatsError } from "../../src/errors.ts";
import { type Delivery, type NatsExecutorOptions, type ServeNatsOptions, serveNats } from "../../src/nats/index.ts";
import { RunningProgram } from "../interop/programs.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { isEven } from "../shared/server-process.ts";
import { TestFrontEnd } from "./front-end.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";
import { steadyPort } from "../steady-port.ts";

const WORKER = fileURLToPath(new URL("programs/worker.mjs", import.meta.url));
const DELIVERIES: readonly Delivery[] = ["at-most-once", "at-least-once"];
const count = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** The numbers of the lines that begin with a word. */
function numbers(word: string, { lines }: RunningProgram): number[] {
  return lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(" ")[1]));
}

async function startWorker(options: ServeNatsOptions): Promise<RunningProgram> {
  const worker = new RunningProgram(process.execPath, [WORKER, JSON.stringify(options)]);
  await worker.line(/^ready$/);
  return worker;
}

interface AfterKill extends AsyncDisposable {
  readonly victim: RunningProgram;
  readonly other: RunningProgram;
  readonly front: TestFrontEnd;
}

/** Two workers that sixty packets are on their way to, and one of them is killed in the middle. */
async function killOneOfTwo(options: ServeNatsOptions): Promise<AfterKill> {
  const [victim, other] = await Promise.all([startWorker(options), startWorker(options)]);
  const front = await TestFrontEnd.start(options);
  for (const value of count(60)) front.client().say("/slow", value, 20);
  await victim.line(/^end /);
  victim.kill("SIGKILL");
  await victim.ended;
  return {
    victim,
    other,
    front,
    async [Symbol.asyncDispose]() {
      await Promise.all([front, other].map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

/** Tries again until the leader of a cluster has heard of as many servers as a stream wants. */
async function whenPlaced<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OscNatsError) || error.code !== "OSC_NATS_JETSTREAM") throw error;
      await sleep(50);
    }
  }
}

/** A worker in this process that takes note of what it handles. */
async function noting(options: ServeNatsOptions): Promise<{ worker: Awaited<ReturnType<typeof serveNats>>; seen: number[] }> {
  const seen: number[] = [];
  const dispatcher = new Dispatcher();
  dispatcher.map("/n", (_address, value) => void seen.push(value as number));
  return { worker: await serveNats(dispatcher, { reconnectDelay: 50, ...options, onError: () => undefined }), seen };
}

const stream = { storage: "file", maxBytes: 2 ** 22 } as const;

describeWithNats("a worker that is killed in the middle of a handler", () => {
  test("at-least-once: every accepted packet is handled, and redeliveries are counted", async () => {
    await using nats = await NatsServer.start();
    const options: ServeNatsOptions = { servers: nats.url, delivery: "at-least-once", stream, ackWait: 500, concurrency: 4 };
    await using place = await killOneOfTwo(options);
    const { victim, other, front } = place;
    const interrupted = numbers("begin", victim).filter((value) => !numbers("end", victim).includes(value));
    expect(interrupted.length).toBeGreaterThan(0);
    await other.until(() => new Set([...numbers("end", victim), ...numbers("end", other)]).size === 60);
    // Those that it was at, the other one has done from the beginning.
    expect(numbers("end", other)).toEqual(expect.arrayContaining(interrupted));
    expect(await front.quiet()).toMatchObject({ received: 60, handled: 60, dropped: 0 });
    other.kill("SIGTERM");
    const [, stats = ""] = await other.line(/^stats (.*)/);
    const { redelivered } = JSON.parse(stats) as { redelivered: number };
    expect(redelivered).toBeGreaterThanOrEqual(interrupted.length);
  }, 60_000);

  test("at-most-once: its packets are lost, and the counters show how many", async () => {
    await using nats = await NatsServer.start();
    const options: ServeNatsOptions = { servers: nats.url, concurrency: 4 };
    await using place = await killOneOfTwo(options);
    const { victim, other, front } = place;
    const stats = await front.quiet();
    expect(stats).toMatchObject({ received: 60, handled: 60 });
    other.kill("SIGTERM");
    await other.ended;
    const behind = JSON.parse((await other.line(/^stats (.*)/))[1] ?? "") as ServerStats;
    const done = [...numbers("end", victim), ...numbers("end", other)];
    expect(new Set(done).size).toBe(done.length);
    const lost = count(60).filter((value) => !done.includes(value));
    expect(lost.length).toBeGreaterThan(0);
    // What the victim had is what front ends handled and no worker tells of.
    expect(behind).toSatisfy(isEven);
    expect(behind.received).toBe(numbers("end", other).length + behind.dropped);
    expect(lost.length).toBe(stats.handled - behind.received - numbers("end", victim).length + behind.dropped);
    // And from then on all is well.
    await using successor = await startWorker(options);
    front.client().say("/n", 99);
    await successor.line(/^end 99$/);
  });
});

describeWithNats("a packet that kills its worker", () => {
  test("at-least-once: becomes a dead letter, even if no other worker is connected when it is redelivered", async () => {
    await using nats = await NatsServer.start();
    const options: ServeNatsOptions = { servers: nats.url, delivery: "at-least-once", stream, ackWait: 300, maxDeliver: 2 };
    await using front = await TestFrontEnd.start(options);
    front.client().say("/slow", 1, 600_000);
    for (const _delivery of count(2)) {
      await using victim = await startWorker(options);
      await victim.line(/^begin 1$/);
      victim.kill("SIGKILL");
      await victim.ended;
      // Nothing tells that it is due again: no message, and nothing of what the server of NATS says of the consumer.
      await sleep(2 * 300);
    }
    await using last = await startWorker(options);
    expect((await last.line(/^(?:begin|error) .*/))[0]).toBe("error OSC_NATS_DEAD_LETTER");
  });
});

describeWithNats("while NATS is away", () => {
  test.each(DELIVERIES)(
    "%s: packets are queued within limits, others are dropped and reported, and delivery continues on reconnecting",
    async (delivery) => {
      await using nats = await NatsServer.start();
      const options: ServeNatsOptions = { servers: nats.url, delivery, stream };
      const { worker, seen } = await noting(options);
      await using front = await TestFrontEnd.start(options, { maxQueue: 50 });
      const client = front.client();
      for (const value of count(20)) client.say("/n", value);
      await front.quiet();
      await nats.stop();
      await front.until(() => front.connections.includes(null));
      for (const value of count(80)) client.say("/n", 100 + value);
      expect(front.stats).toMatchObject({ received: 100, handled: 20, dropped: 30, inProgress: 50 });
      expect(front.reported.map(({ error }) => (error as { limit?: string }).limit ?? error.code)).toEqual([
        "OSC_NATS_DISCONNECTED",
        ...count(30).map(() => "maxQueue"),
      ]);
      await nats.restart();
      // At most once, packets may be published before the worker has come back, and are dropped then.
      expect((await front.quiet()).received).toBe(100);
      await front.until(() => worker.stats().received >= front.stats.handled);
      client.say("/n", 999);
      await front.until(() => {
        if (!seen.includes(999) && front.stats.inProgress === 0 && delivery === "at-most-once") client.say("/n", 999);
        return seen.includes(999);
      });
      const expected = [...count(20), ...count(50).map((value) => 100 + value)];
      const came = [...new Set(seen)].filter((value) => value !== 999);
      if (delivery === "at-least-once") expect(came.toSorted((a, b) => a - b)).toEqual(expected);
      else expect(expected).toEqual(expect.arrayContaining(came));
      await worker.close();
      expect(worker.stats()).toSatisfy(isEven);
    },
  );

  test("at-least-once: a stream lost with its server is recreated", async () => {
    await using nats = await NatsServer.start();
    const options: ServeNatsOptions = { servers: nats.url, delivery: "at-least-once", stream: { ...stream, storage: "memory" } };
    const { worker, seen } = await noting(options);
    await using front = await TestFrontEnd.start(options);
    front.client().say("/n", 1);
    await front.until(() => seen.length === 1);
    await nats.restart();
    front.client().say("/n", 2);
    await front.until(() => seen.includes(2));
    expect(await front.quiet()).toMatchObject({ received: 2, handled: 2 });
    await worker.close();
  });

  test("at-least-once: packets wait in the front end while the stream is full", async () => {
    await using nats = await NatsServer.start();
    const options: NatsExecutorOptions = { servers: nats.url, delivery: "at-least-once", stream: { ...stream, maxMessages: 10 } };
    await using front = await TestFrontEnd.start(options);
    for (const value of count(30)) front.client().say("/n", value);
    await front.until(() => front.codes.includes("OSC_NATS_JETSTREAM"));
    expect(front.stats).toMatchObject({ received: 30, handled: 10, inProgress: 20 });
    const { worker, seen } = await noting(options);
    await front.until(() => seen.length >= 30);
    expect(await front.quiet()).toMatchObject({ received: 30, handled: 30, dropped: 0 });
    expect(new Set(seen).size).toBe(30);
    await worker.close();
  });

  test("a front end closed meanwhile drops and reports queued packets", async () => {
    await using nats = await NatsServer.start();
    const front = await TestFrontEnd.start({ servers: nats.url });
    await nats.stop();
    await front.until(() => front.connections.includes(null));
    front.client().say("/n", 1);
    await front[Symbol.asyncDispose]();
    expect(front.stats).toMatchObject({ received: 1, dropped: 1, inProgress: 0 });
  });
});

describeWithNats("a cluster of three servers, of which one is killed under traffic", () => {
  test.each(DELIVERIES)(
    "%s",
    async (delivery) => {
      const routes = await Promise.all([steadyPort(), steadyPort(), steadyPort()]);
      const others = routes.map((port) => `nats-route://127.0.0.1:${port}`).join(", ");
      const cluster = await Promise.all(
        routes.map((port) => NatsServer.start(`cluster { name: "c", listen: "127.0.0.1:${port}", routes: [${others}] }`)),
      );
      try {
        // Streams need a leader among the servers.
        await Promise.any(cluster.map((server) => server.logged("new metadata leader")));
        const options: ServeNatsOptions = {
          servers: cluster.map(({ url }) => url),
          delivery,
          stream: { ...stream, replicas: 3 },
          ackWait: 1000,
        };
        const workers = [await whenPlaced(() => noting(options)), await noting(options)];
        await using front = await TestFrontEnd.start(options);
        const client = front.client();
        let value = 0;
        const send = (): void => client.say("/n", value++);
        const traffic = setInterval(send, 1);
        await front.until(() => front.stats.handled > 50);
        await cluster.find(({ port }) => front.connections[0]?.endsWith(`:${port}`))?.stop();
        await front.until(() => front.connections.includes(null) && front.connections.at(-1) !== null);
        const before = front.stats.handled;
        await front.until(() => front.stats.handled > before + 50);
        clearInterval(traffic);
        const stats = await front.quiet();
        const seen = (): Set<number> => new Set(workers.flatMap((worker) => worker.seen));
        if (delivery === "at-least-once") {
          expect(stats.dropped).toBe(0);
          await front.until(() => seen().size === value);
        } else {
          expect(stats.handled + stats.dropped).toBe(value);
          expect(seen().size).toBeGreaterThan(100);
        }
        await Promise.all(workers.map(({ worker }) => worker.close()));
      } finally {
        await Promise.all(cluster.map((server) => server[Symbol.asyncDispose]()));
      }
    },
    60_000,
  );
});
