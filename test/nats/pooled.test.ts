/** Workers whose handlers run in threads and processes. They run the compiled package, and so does what makes them. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NatsWorker, ServeNatsOptions } from "../../src/nats/index.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { RunningProgram } from "../interop/programs.ts";
import { isEven } from "../shared/server-process.ts";
import { TestFrontEnd } from "./front-end.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";

const HANDLERS = new URL("programs/pooled-handlers.mjs", import.meta.url);
const PROGRAM = fileURLToPath(new URL("programs/pooled-worker.mjs", import.meta.url));
const ENTRY = new URL("../../dist/nats.js", import.meta.url).href;
const KINDS = ["threading", "forking"] as const;

describeWithNats("workers with threads and processes", () => {
  let nats: NatsServer;
  let serve: (handlers: URL, options: ServeNatsOptions) => Promise<NatsWorker>;
  beforeAll(async () => {
    nats = await NatsServer.start();
    ({ serveNats: serve } = (await import(/* @vite-ignore */ ENTRY)) as { serveNats: typeof serve });
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  let prefixes = 0;
  describe.each(KINDS)("%s", (kind) => {
    const common = (delivery: "at-most-once" | "at-least-once"): ServeNatsOptions => ({
      servers: nats.url,
      prefix: `osc${prefixes++}`,
      delivery,
      stream: { storage: "memory", maxBytes: 2 ** 20 },
      kind,
      concurrency: 2,
      threads: { minThreads: 1, threadTimeout: 700 },
      children: { spareChildren: 1, childTimeout: 700 },
    });
    const role = kind === "threading" ? "thread" : "process";

    test("serves a handlers module, awaits its promises, and lets a handler shut down the worker", async () => {
      const options = common("at-most-once");
      await using worker = await serve(HANDLERS, options);
      await using front = await TestFrontEnd.start(options);
      const client = front.client();
      client.say("/role");
      client.say("/kept");
      await front.until(() => client.replies.length === 2);
      expect(new Set(client.replies)).toEqual(new Set([["/kept"], ["/role", role]]));
      client.say("/quit");
      await worker.closed;
      expect(worker.stats()).toMatchObject({ received: 3, handled: 3 });
    });

    test("at-least-once: a packet whose thread or process dies or hangs is redelivered and becomes a dead letter", async () => {
      const options = { ...common("at-least-once"), maxDeliver: 2 };
      const codes: string[] = [];
      await using worker = await serve(HANDLERS, { ...options, onError: (error) => codes.push(error.code) });
      await using front = await TestFrontEnd.start(options);
      const client = front.client();
      client.say("/die");
      client.say("/hang");
      client.say("/role");
      await front.until(() => worker.stats().deadLettered === 2 && client.replies.length === 1);
      expect(worker.stats()).toMatchObject({ received: 5, handled: 1, dropped: 4, redelivered: 2 });
      await front.until(() => codes.length === 6);
      const lost = kind === "threading" ? "OSC_THREAD_FAILED" : "OSC_CHILD_FAILED";
      expect(codes.toSorted()).toEqual([lost, lost, lost, lost, "OSC_NATS_DEAD_LETTER", "OSC_NATS_DEAD_LETTER"].toSorted());
    });

    test("runs the program again with a dispatcher", async () => {
      const options = common("at-most-once");
      await using program = new RunningProgram(process.execPath, [PROGRAM, JSON.stringify(options)]);
      await program.line(/^ready$/);
      await using front = await TestFrontEnd.start(options);
      const client = front.client();
      client.say("/role");
      await front.until(() => client.replies.length === 1);
      expect(client.replies).toEqual([["/role", role]]);
      program.kill("SIGTERM");
      const [, stats = ""] = await program.line(/^stats (.*)/);
      expect(JSON.parse(stats) as ServerStats).toSatisfy(isEven);
      expect(program.lines.filter((line) => line.startsWith("error"))).toEqual([]);
    });
  });

  test("rejects invalid options immediately, and reports an unreachable server", async () => {
    await expect(serve(HANDLERS, { kind: "threading", servers: "127.0.0.1:1", connectTimeout: 500 })).rejects.toMatchObject({
      code: "OSC_NATS_UNREACHABLE",
    });
    await expect(serve(new URL("file:///nowhere.mjs"), { servers: nats.url })).rejects.toMatchObject({ code: "OSC_OPTION" });
  });
});
