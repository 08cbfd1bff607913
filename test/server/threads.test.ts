import { execFile } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import type * as Oscine from "../../src/index.ts";
import type {
  OscDecodeError,
  OscError,
  OscMessage,
  OscValue,
  TCPClient,
  ThreadingOSCTCPServer,
  ThreadingServerOptions,
} from "../../src/index.ts";

/** Threads are started from compiled files. */
const oscine = (await import(new URL("../../dist/index.js", import.meta.url).href)) as typeof Oscine;

/** Threads whose handlers are mostly quick are given packets in batches. */
const HANDLERS = new URL("programs/thread-handlers.mjs", import.meta.url);

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

interface Served {
  readonly server: ThreadingOSCTCPServer;
  readonly client: TCPClient;
  readonly errors: OscError[];
  readonly send: (address: string, ...args: readonly OscValue[]) => void;
  /** The next replies. */
  readonly replies: (count: number) => Promise<OscMessage[]>;
}

async function serve(options: ThreadingServerOptions = {}): Promise<Served> {
  const errors: OscError[] = [];
  const onError = (error: OscError): void => void errors.push(error);
  const workerData = new SharedArrayBuffer(4);
  const server = new oscine.ThreadingOSCTCPServer(["127.0.0.1", 0], HANDLERS, {
    mode: "1.0",
    minThreads: 2,
    maxThreads: 3,
    workerData,
    order: "none",
    ...options,
    onError,
  });
  open.push(server);
  await server.start();
  const client = new oscine.TCPClient("127.0.0.1", server.serverAddress.port, { framing: "1.0" });
  open.push(client);
  const messages = client.messages()[Symbol.asyncIterator]();
  return {
    server,
    client,
    errors,
    send: (address, ...args) => void client.send(new oscine.OscMessage(address, args)),
    replies: async (count) => {
      const list: OscMessage[] = [];
      while (list.length < count) list.push((await messages.next()).value as OscMessage);
      return list;
    },
  };
}

const numbers = (messages: readonly OscMessage[]): unknown[] =>
  messages.map(({ args }) => args[0]).toSorted((a, b) => Number(a) - Number(b));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("threads that receive packets in batches", () => {
  test("handle each packet once, however many arrive together", async () => {
    const { server, send, replies, errors } = await serve();
    for (const number of upTo(3000)) {
      send("/quick", number);
      send("/silent");
    }
    expect(numbers(await replies(3000))).toEqual(upTo(3000));
    await server.close();
    expect(server.stats()).toMatchObject({ received: 6000, handled: 6000, replied: 3000, dropped: 0, inProgress: 0 });
    expect(errors).toEqual([]);
  });

  test.each(["/blocked", "/awaiting"])("leave packets behind a slow one to other threads: %s", async (address) => {
    const { send, replies, errors } = await serve();
    for (const number of upTo(50)) send("/quick", number);
    await replies(50);
    send("/quick", 0);
    send(address);
    for (const number of upTo(200).slice(1)) send("/quick", number);
    expect(numbers(await replies(200))).toEqual(upTo(200));
    send("/open");
    expect(await replies(1)).toMatchObject([{ address }]);
    expect(errors).toEqual([]);
  });

  test("lose only the packet in progress when a thread ends", async () => {
    const { server, send, replies, errors } = await serve();
    for (const number of upTo(400)) send(number % 100 === 50 ? "/exit" : "/quick", number);
    const expected = upTo(400).filter((number) => number % 100 !== 50);
    expect(numbers(await replies(396))).toEqual(expected);
    await server.close();
    expect(errors.map(({ code, message }) => `${code} ${message.includes("exit code 7")}`)).toEqual(
      Array.from({ length: 4 }, () => "OSC_THREAD_FAILED true"),
    );
    expect(server.stats()).toMatchObject({ received: 400, handled: 396, dropped: 4, inProgress: 0 });
  });

  test("accept packets of every size", async () => {
    const { server, send, replies, errors } = await serve();
    const sizes = upTo(60).map((index) => [0, 100, 32_000, 33_000, 70_000, 1_000_000][index % 6] as number);
    for (const [index, size] of sizes.entries()) send("/size", new Uint8Array(size).fill(index));
    const came = await replies(sizes.length);
    expect(numbers(came)).toEqual(sizes.toSorted((a, b) => a - b));
    for (const { args } of came) expect(new Set(args[1] as Uint8Array).size).toBeLessThanOrEqual(1);
    await server.close();
    expect([server.stats().handled, errors]).toEqual([sizes.length, []]);
  });

  test("send the replies to a packet in order, even if they are large", async () => {
    const { send, replies } = await serve();
    for (const number of upTo(20)) send("/several", number, 30_000);
    const came = await replies(80);
    for (const number of upTo(20)) {
      const parts = came.filter(({ args }) => args[0] === number).map(({ args }) => args[1]);
      expect(parts).toEqual([0, 1, 2, 3]);
    }
  });

  test.each([1, 4])("report which packets were rejected and why, %d at a time", async (packetsPerThread) => {
    const { server, send, replies, errors } = await serve({ packetsPerThread, minThreads: 1, maxThreads: 1, maxReports: 1000 });
    const socket = connect(server.serverAddress.port, "127.0.0.1");
    open.push({ [Symbol.asyncDispose]: async () => void socket.destroy() });
    // An unknown type tag, so many bytes from the beginning.
    const bad = (index: number): Uint8Array => {
      const packet = Buffer.from(`/bad${"/xxx".repeat(index)}\0\0\0\0,q\0\0`, "latin1");
      return Buffer.concat([Uint8Array.of(0, 0, packet.length >>> 8, packet.length), packet]);
    };
    for (const index of upTo(60)) {
      if (index % 3 === 0) socket.write(bad(index));
      else if (index % 20 === 1) send("/size", new Uint8Array(40_000));
      else send("/quick", index);
    }
    const came = await replies(40);
    expect(numbers(came.filter(({ address }) => address === "/quick"))).toEqual(upTo(60).filter((n) => n % 3 !== 0 && n % 20 !== 1));
    await vi.waitUntil(() => server.stats().rejected.malformed === 20);
    await server.close();
    expect(server.stats()).toMatchObject({ handled: 40, rejected: { malformed: 20 }, dropped: 0, inProgress: 0 });
    const told = errors.map(({ cause }) => (cause as OscDecodeError).offset);
    expect(told.toSorted((a, b) => a - b)).toEqual(upTo(20).map((n) => 9 + 12 * n));
  });

  test("handle several packets concurrently if configured", async () => {
    const { server, send, replies } = await serve({ packetsPerThread: 8, maxThreads: 1, minThreads: 1 });
    for (const number of upTo(100)) send(number % 2 === 0 ? "/quick" : "/size", number % 2 === 0 ? number : new Uint8Array(20_000));
    for (const _ of upTo(7)) send("/awaiting");
    for (const number of upTo(10)) send("/quick", number);
    expect(await replies(110)).toHaveLength(110);
    send("/open");
    expect(await replies(7)).toHaveLength(7);
    await server.close();
    expect(server.stats()).toMatchObject({ handled: 118, inProgress: 0 });
  });

  test("drop packets they haven't started when the server closes, and count each once", async () => {
    const { server, send, replies } = await serve({ maxThreads: 2 });
    for (const number of upTo(50)) send("/quick", number);
    await replies(50);
    // More than can be handled before it closes.
    for (let count = 0; count < 2000; count++) send("/block", 1);
    await replies(10);
    await server.close();
    const { received, handled, dropped, inProgress } = server.stats();
    expect([received, inProgress]).toEqual([handled + dropped, 0]);
    expect(dropped).toBeGreaterThan(0);
  });
});

const KINDS = ["Threading", "Forking"] as const;
const PROGRAM = fileURLToPath(new URL("programs/slow-first.mjs", import.meta.url));

describe.each(KINDS)("order, %s", (kind) => {
  async function replies(transport: string, order: string): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, kind, transport, order]);
    return stdout.trim();
  }

  test.each([
    ["tcp", "default"],
    ["unix", "default"],
    ["udp", "client"],
  ])("over %s, %s: answers one client's messages in order, and others concurrently", async (transport, order) => {
    expect(await replies(transport, order)).toBe("0 1 2 3; the other before 0: true");
  });

  test.each([
    ["tcp", "none"],
    ["udp", "default"],
  ])("over %s, %s: messages overtake each other", async (transport, order) => {
    expect(await replies(transport, order)).toMatch(/^(?!0).* 0.*; the other before 0: true$/);
  });
});
