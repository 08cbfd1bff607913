import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import {
  type Delivery,
  type NatsExecutorOptions,
  NatsLink,
  type NatsWorker,
  REASON_HEADER,
  REPLY_HEADER,
  type ServeNatsOptions,
  serveNats,
} from "../../src/nats/index.ts";
import { isEven } from "../shared/server-process.ts";
import { type Reported, TestFrontEnd } from "./front-end.ts";
import { NatsServer, describeWithNats } from "./nats-server.ts";

const never = { onError: (error: OscError): void => expect.fail(error.message) };
const DELIVERIES: readonly Delivery[] = ["at-most-once", "at-least-once"];

describeWithNats("front ends and workers", () => {
  let nats: NatsServer;
  beforeAll(async () => {
    nats = await NatsServer.start();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  let prefixes = 0;
  const common = (delivery: Delivery, more: NatsExecutorOptions = {}): NatsExecutorOptions => ({
    servers: nats.url,
    delivery,
    prefix: `osc${prefixes++}`,
    stream: { storage: "memory", maxBytes: 1024 * 1024 },
    ...more,
  });

  interface TestWorker extends NatsWorker {
    readonly reported: Reported[];
  }

  async function work(dispatcher: Dispatcher, options: ServeNatsOptions): Promise<TestWorker> {
    const reported: Reported[] = [];
    const worker = await serveNats(dispatcher, {
      reconnectDelay: 50,
      maxReports: 1000,
      ...options,
      onError: (error, client) => reported.push({ error, client }),
    });
    return { ...worker, reported };
  }

  function doubling(): Dispatcher {
    const dispatcher = new Dispatcher();
    dispatcher.map("/double", (_address, value) => ["/doubled", (value as number) * 2]);
    return dispatcher;
  }

  test.each(DELIVERIES)("%s: replies go to the requesting client through its own front end", async (delivery) => {
    const options = common(delivery);
    await using worker = await work(doubling(), options);
    await using one = await TestFrontEnd.start(options);
    await using other = await TestFrontEnd.start(options);
    const clients = [one.client(1), one.client(2), other.client(1)];
    for (const [index, client] of clients.entries()) client.say("/double", index);
    await one.until(() => clients.every(({ replies }) => replies.length > 0));
    expect(clients.map(({ replies }) => replies)).toEqual([[["/doubled", 0]], [["/doubled", 2]], [["/doubled", 4]]]);
    expect([await one.quiet(), await other.quiet()]).toMatchObject([
      { received: 2, handled: 2, replied: 2 },
      { received: 1, handled: 1, replied: 1 },
    ]);
    expect(worker.stats()).toMatchObject({ received: 3, handled: 3, replied: 3, dropped: 0, redelivered: 0 });
    expect([one.reported, other.reported, worker.reported]).toEqual([[], [], []]);
  });

  test.each(DELIVERIES)("%s: handlers know the client; packets from no front end are reported without one", async (delivery) => {
    const options = common(delivery);
    const dispatcher = new Dispatcher();
    const clients: unknown[] = [];
    dispatcher.map("/who", (client) => void clients.push(client), { needsReplyAddress: true });
    await using _worker = await work(dispatcher, options);
    await using front = await TestFrontEnd.start(options);
    front.client(1234).say("/who");
    await using link = await NatsLink.open({ servers: nats.url }, never);
    link.publish(`${options.prefix ?? ""}.who`, encode(new OscMessage("/who")));
    await front.until(() => clients.length === 2);
    expect(clients).toContainEqual({ address: "127.0.0.1", port: 1234, family: "IPv4" });
    expect(clients).toContainEqual({ address: "(nats)", port: 0, family: "unix" });
  });

  test.each(DELIVERIES)("%s: any number of workers share the packets, and each is handled once", async (delivery) => {
    const options = common(delivery);
    const seen: number[] = [];
    const dispatcher = new Dispatcher();
    dispatcher.map("/n", (_address, value) => void seen.push(value as number));
    const workers = await Promise.all([1, 2, 3].map(() => work(dispatcher, options)));
    await using front = await TestFrontEnd.start(options);
    const sent = Array.from({ length: 600 }, (_, index) => index);
    for (const index of sent) front.client(index % 7).say("/n", index);
    await front.until(() => seen.length >= 600);
    expect(seen.toSorted((a, b) => a - b)).toEqual(sent);
    expect(workers.map((worker) => worker.stats().handled).reduce((sum, count) => sum + count)).toBe(600);
    for (const worker of workers) {
      expect(worker.stats().handled).toBeGreaterThan(0);
      await worker.close();
      expect(worker.stats()).toSatisfy(isEven);
    }
  });

  test.each(DELIVERIES)(
    "%s: a future bundle waits in the front end, and its later parts are published separately and once",
    async (delivery) => {
      const options = common(delivery);
      const came: (readonly [number, number])[] = [];
      const dispatcher = new Dispatcher();
      dispatcher.map("/n", (_address, value) => void came.push([value as number, Date.now()]));
      await using _worker = await work(dispatcher, options);
      await using front = await TestFrontEnd.start(options);
      const at = Date.now() + 150;
      const later = new OscBundle([new OscMessage("/n", [3])], TimeTag.from(at + 150));
      front.client().send(new OscBundle([new OscMessage("/n", [2]), later], TimeTag.from(at)));
      front.client().send(new OscBundle([new OscMessage("/n", [1])]));
      await front.until(() => came.length === 3);
      expect(came.map(([value]) => value)).toEqual([1, 2, 3]);
      expect(came[1]?.[1]).toBeGreaterThanOrEqual(at);
      expect(came[2]?.[1]).toBeGreaterThanOrEqual(at + 150);
      await front.quiet();
      expect(came.length).toBe(3);
    },
  );

  test.each(DELIVERIES)("%s: a bundle not scheduled by a front end waits in the worker", async (delivery) => {
    const options = common(delivery);
    const came: number[] = [];
    const dispatcher = new Dispatcher();
    dispatcher.map("/n", () => void came.push(Date.now()));
    await using worker = await work(dispatcher, options);
    await using front = await TestFrontEnd.start(options, {}, new Dispatcher({ strictTiming: false }));
    const at = Date.now() + 150;
    front.client().send(new OscBundle([new OscMessage("/n")], TimeTag.from(at)));
    await front.until(() => worker.stats().waiting === 1);
    await front.until(() => came.length === 1);
    expect(came[0]).toBeGreaterThanOrEqual(at);
  });

  test("a reply goes only to a front end, whatever reply subject the publisher names", async () => {
    const options = common("at-most-once");
    await using worker = await work(doubling(), options);
    await using link = await NatsLink.open({ servers: nats.url }, never);
    const prefix = options.prefix ?? "";
    const came: string[] = [];
    link.subscribe(">", null, ({ subject }) => void came.push(subject));
    const packet = encode(new OscMessage("/double", [1]));
    const replies = ["$JS.API.INFO", `${prefix}.double`, `${prefix}_reply.>`, `${prefix}_reply.a b`, `${prefix}_reply.good`];
    for (const reply of replies) link.publish(`${prefix}.double`, packet, { [REPLY_HEADER]: reply });
    await expect.poll(() => came.filter((subject) => subject.endsWith(".good"))).toEqual([`${prefix}_reply.good`]);
    expect(came.filter((subject) => subject !== `${prefix}.double`)).toEqual([`${prefix}_reply.good`]);
    expect(came.length).toBe(replies.length + 1);
    expect(worker.stats()).toMatchObject({ handled: 5, unsent: 4, socketErrors: 4 });
  });

  test("at-most-once: drops and reports packets without a worker", async () => {
    await using front = await TestFrontEnd.start(common("at-most-once"));
    front.client(7).say("/n", 1);
    expect(await front.quiet()).toMatchObject({ received: 1, handled: 0, dropped: 1 });
    expect(front.reported).toMatchObject([{ error: { code: "OSC_NATS_NO_WORKER" }, client: { port: 7 } }]);
  });

  test("at-least-once: keeps packets until a worker connects", async () => {
    const options = common("at-least-once");
    await using front = await TestFrontEnd.start(options);
    const client = front.client();
    client.say("/double", 4);
    expect(await front.quiet()).toMatchObject({ received: 1, handled: 1, dropped: 0 });
    await using _worker = await work(doubling(), options);
    await front.until(() => client.replies.length > 0);
    expect(client.replies).toEqual([["/doubled", 8]]);
  });

  test.each(DELIVERIES)("%s: packets rejected by a front end never reach NATS", async (delivery) => {
    const options = common(delivery);
    await using front = await TestFrontEnd.start(options, { maxPacketSize: 2 ** 21 });
    front.client().send(new TextEncoder().encode("garbage!"));
    front.client().send(encode(new OscMessage("/large", new Uint8Array(1024 * 1024))));
    expect(await front.quiet()).toMatchObject({ received: 2, handled: 0, rejected: { "not-osc": 1, "too-large": 1 } });
    expect(front.reported.map(({ error }) => error.message)).toContainEqual(expect.stringContaining("max_payload"));
  });

  test("at-least-once: a rejected packet becomes a dead letter, byte for byte, and isn't redelivered", async () => {
    const options = common("at-least-once");
    await using worker = await work(doubling(), options);
    await using front = await TestFrontEnd.start(options);
    const bad = new TextEncoder().encode("/a.b\0\0\0\0,q\0\0");
    front.client(9).send(bad);
    await front.until(() => worker.stats().deadLettered === 1);
    expect(worker.stats()).toMatchObject({ received: 1, handled: 0, rejected: { malformed: 1 }, redelivered: 0 });
    expect(worker.reported).toMatchObject([{ error: { code: "OSC_REJECTED", reason: "malformed" }, client: { port: 9 } }]);
    const letter = await firstDeadLetter(options.prefix ?? "");
    expect(letter).toMatchObject({ subject: `${options.prefix ?? ""}_dead.a%2Eb`, reason: "malformed" });
    expect(Buffer.compare(letter.data, bad)).toBe(0);
  });

  async function firstDeadLetter(prefix: string): Promise<{ subject: string; reason: string; data: Uint8Array }> {
    await using link = await NatsLink.open({ servers: nats.url }, never);
    const request = new TextEncoder().encode(JSON.stringify({ seq: 1 }));
    const answer = await link.request(`$JS.API.STREAM.MSG.GET.OSCINE_${prefix}_DEAD`, request, {}, 2000);
    const { message } = JSON.parse(new TextDecoder().decode(answer.data)) as { message: { subject: string; data: string; hdrs: string } };
    const headers = Buffer.from(message.hdrs, "base64").toString();
    const reason = new RegExp(`${REASON_HEADER}: (.*)\r\n`).exec(headers)?.[1] ?? "";
    return { subject: message.subject, reason, data: Buffer.from(message.data, "base64") };
  }

  test("at-least-once: a handler that never ends affects only its packet, which is redelivered and becomes a dead letter", async () => {
    const options = common("at-least-once");
    let begun = 0;
    const dispatcher = doubling();
    dispatcher.map("/hang", () => {
      begun += 1;
      return new Promise<undefined>(() => undefined);
    });
    const limits = { ackWait: 200, handlerTimeout: 200, maxDeliver: 2, closeTimeout: 1 };
    await using one = await work(dispatcher, { ...options, ...limits });
    await using other = await work(dispatcher, { ...options, ...limits });
    await using front = await TestFrontEnd.start(options);
    const client = front.client();
    client.say("/hang");
    await front.until(() => one.stats().deadLettered + other.stats().deadLettered === 1);
    expect(begun).toBe(2);
    expect([...one.reported, ...other.reported]).toMatchObject([{ error: { code: "OSC_NATS_DEAD_LETTER" }, client: { port: 50_000 } }]);
    expect(one.stats().redelivered + other.stats().redelivered).toBe(1);
    client.say("/double", 1);
    await front.until(() => client.replies.length === 1);
    expect((await firstDeadLetter(options.prefix ?? "")).reason).toBe("max-deliver");
  });

  test("at-least-once: a packet whose handler takes longer than ackWait isn't redelivered while its worker lives", async () => {
    const options = common("at-least-once");
    let begun = 0;
    const dispatcher = new Dispatcher();
    dispatcher.map("/slow", async () => {
      begun += 1;
      await sleep(900);
      return "/done";
    });
    await using worker = await work(dispatcher, { ...options, ackWait: 300 });
    await using front = await TestFrontEnd.start(options);
    const client = front.client();
    client.say("/slow");
    await front.until(() => client.replies.length === 1);
    expect([begun, worker.stats().redelivered]).toEqual([1, 0]);
  });

  test.each(DELIVERIES)("%s: close() waits for running handlers and sends their replies", async (delivery) => {
    const options = common(delivery);
    const dispatcher = new Dispatcher();
    let begun = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    dispatcher.map("/wait", async (_address, value) => {
      begun += 1;
      await gate;
      return ["/done", value];
    });
    const worker = await work(dispatcher, { ...options, concurrency: 2 });
    await using front = await TestFrontEnd.start(options);
    const client = front.client();
    for (const value of [1, 2, 3]) client.say("/wait", value);
    await front.until(() => begun === 2 && worker.stats().received === 3);
    const closed = worker.close();
    await front.until(() => worker.stats().dropped === 1);
    release();
    await closed;
    await front.until(() => client.replies.length === 2);
    expect(worker.stats()).toMatchObject({ received: 3, handled: 2, dropped: 1, inProgress: 0 });
    if (delivery === "at-most-once") return;
    // What had not begun is another's now.
    await using _other = await work(dispatcher, options);
    await front.until(() => client.replies.length === 3);
    expect(new Set(client.replies.map(([, value]) => value))).toEqual(new Set([1, 2, 3]));
  });

  test.each(DELIVERIES)("%s, order client: one client's packets are handled in order, one after another", async (delivery) => {
    const options = common(delivery, { order: "client", partitions: 4 });
    const dispatcher = new Dispatcher();
    const seen = new Map<number, number[]>();
    let running = 0;
    let together = 0;
    dispatcher.map(
      "/n",
      async ({ port }, _address, value) => {
        running += 1;
        together = Math.max(together, running);
        const list = seen.get(port) ?? [];
        seen.set(port, list);
        await sleep((value as number) % 3);
        list.push(value as number);
        running -= 1;
      },
      { needsReplyAddress: true },
    );
    const shares = delivery === "at-most-once" ? ([0, 1, 2] as const).map((index) => ({ share: [index, 3] as const })) : [{}, {}, {}];
    const workers = await Promise.all(shares.map((share) => work(dispatcher, { ...options, ...share })));
    await using front = await TestFrontEnd.start(options);
    const sent = Array.from({ length: 20 }, (_, index) => index);
    for (const value of sent) for (let port = 1; port <= 8; port++) front.client(port).say("/n", value);
    await front.until(() => [...seen.values()].reduce((sum, list) => sum + list.length, 0) === 160);
    for (const list of seen.values()) expect(list).toEqual(sent);
    expect(together).toBeGreaterThan(1);
    await Promise.all(workers.map((worker) => worker.close()));
  });

  test.each(DELIVERIES)("%s: a restarted front end serves, and drops and reports late replies for its predecessor", async (delivery) => {
    const options = common(delivery, { id: "door" });
    const dispatcher = doubling();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = 0;
    dispatcher.map("/late", async () => {
      begun += 1;
      await gate;
      return "/too-late";
    });
    await using worker = await work(dispatcher, options);
    const first = await TestFrontEnd.start(options);
    first.client().say("/late");
    await first.until(() => begun === 1);
    await first[Symbol.asyncDispose]();
    await using second = await TestFrontEnd.start(options);
    release();
    await second.until(() => second.reported.length > 0);
    expect(second.codes).toEqual(["OSC_NATS_NO_CLIENT"]);
    const client = second.client();
    client.say("/double", 5);
    await second.until(() => client.replies.length === 1);
    expect(worker.stats()).toMatchObject({ handled: 2, redelivered: 0 });
  });

  test("a handler may shut down its worker", async () => {
    const options = common("at-most-once");
    const dispatcher = new Dispatcher();
    dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
    const worker = await work(dispatcher, options);
    await using front = await TestFrontEnd.start(options);
    front.client().say("/quit");
    await worker.closed;
    expect(worker.stats()).toMatchObject({ handled: 1, inProgress: 0 });
    await worker.close();
  });

  test("verifyRequest is called in the front end and in the worker", async () => {
    const options = common("at-most-once");
    await using worker = await work(doubling(), { ...options, verifyRequest: (data) => data[1] !== 0x64 });
    await using front = await TestFrontEnd.start(options);
    front.client().say("/double", 1);
    await front.until(() => worker.stats().rejected.unverified === 1);
    expect(worker.stats()).toMatchObject({ received: 1, handled: 0, deadLettered: 0 });
  });

  test("an abort signal closes a worker", async () => {
    const controller = new AbortController();
    const worker = await work(doubling(), { ...common("at-most-once"), signal: controller.signal });
    controller.abort();
    await worker.closed;
    expect(worker.stats().received).toBe(0);
  });
});
