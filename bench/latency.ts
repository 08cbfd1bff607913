/**
 * How late can a reply be while a server is under load, and how much time does the garbage collector take?
 *
 *     npm run bench -- latency [--json] [--quick]
 *
 * Sequential echoes alongside 20,000 other messages per second from another socket, for each kind of server; and the bytes that a message
 * allocates on the JavaScript heap, which have to be collected. Needs Linux and cc (bench/c/udp-load.c).
 */
import { execFile, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decode, encode, float, OscMessage } from "../src/codec/index.ts";
import { Dispatcher, handlePacket } from "../src/dispatch/index.ts";
import { EventLoopExecutor } from "../src/server/event-loop-executor.ts";
import { limitsOf } from "../src/server/options.ts";
import { Pipeline } from "../src/server/pipeline.ts";
import { benchOptions } from "./suite/options.ts";
import { finish, median, type Table } from "./suite/report.ts";
import { type Echoes, loadProgram, ServerProcess } from "./udp/load.ts";

const options = benchOptions();
const BESIDE = 20_000;
const ROUNDS = options.quick ? 1 : 3;
const ECHOES = options.quick ? 2000 : 10_000;
const run = promisify(execFile);
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const program = loadProgram();
if (program === undefined) {
  console.error("The latency benchmark needs its sender: nothing was measured.");
  process.exitCode = 1;
} else {
  const tables = [await echoes(program), allocations(), await pauses(program)];
  finish({ benchmark: "latency", tables, goals: [] }, options);
}

async function echoes(load: string): Promise<Table> {
  const servers = [
    { name: "bare dgram", command: [process.execPath, file("udp/server.mjs"), "bare"] },
    ...["async", "async, portable", "blocking", "threading", "threading, portable", "forking"].map((name) => {
      const [kind = "", variant = ""] = name.split(", ");
      const settings = { portable: '{"native":false}' }[variant] ?? "{}";
      return { name: `oscine ${name}`, command: [process.execPath, file("kinds/server.mjs"), kind, settings] };
    }),
  ];
  const found = servers.map((): Echoes[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, { command }] of servers.entries()) {
      const server = await ServerProcess.start(load, command);
      found[index]!.push(await server.echo(ECHOES, BESIDE));
      await server.end();
    }
  }
  const of = (all: readonly Echoes[], part: keyof Echoes): number => median(all.map((one) => one[part]));
  return {
    title: `Echo beside ${BESIDE.toLocaleString("en")} other messages per second`,
    note: "µs; p99.9 is the median of the rounds, most the median of their latest answers. A server that can't handle 20,000 messages per second also loses echoes, as any UDP server does; a round ends after 20 lost echoes.",
    columns: ["p50", "p99", "p99.9", "most", "lost"],
    rows: servers.map(({ name }, index) => {
      const all = found[index]!;
      return {
        name,
        cells: [of(all, "p50"), of(all, "p99"), of(all, "p999"), of(all, "most"), all.reduce((sum, { lost }) => sum + lost, 0)],
      };
    }),
  };
}

/**
 * Heap bytes per run of some work, with no garbage collection in between. Long warm-up with collections first, because code allocates more
 * until it is fully optimized, and a collection may discard code compiled early.
 */
function bytesFor(work: (index: number) => unknown): number {
  const COUNT = 2000;
  for (let turn = 0; turn < 100; turn += 1) {
    for (let index = 0; index < COUNT; index += 1) work(index);
    globalThis.gc?.();
  }
  const samples = Array.from({ length: 9 }, () => {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < COUNT; index += 1) work(index);
    return (process.memoryUsage().heapUsed - before) / COUNT;
  });
  return median(samples);
}

/** Garbage produced by a small message at each stage: each row includes the previous ones, except for encoding. */
function allocations(): Table {
  const address = "/mixer/channel/12/gain";
  const message = new OscMessage(address, float(0.5));
  const packet = Buffer.from(encode(message));
  const dispatcher = new Dispatcher();
  let kept: unknown;
  dispatcher.map(address, (_address: string, value: number) => void (kept = value));
  const client = { address: "127.0.0.1", port: 9000, family: "IPv4" } as const;
  const nothing = (): undefined => undefined;
  const limits = limitsOf({});
  const handling = { ...limits, dispatcher, mode: "async", verifier: { verifyRequest: () => true }, shutdown: nothing } as const;
  const context = { handling, clientAddress: client, asOf: Infinity, error: nothing, reply: nothing };
  const road = new Pipeline({
    limits,
    strictTiming: true,
    onError: nothing,
    onShutdown: nothing,
    executor: (events) => new EventLoopExecutor(handling, limits, { concurrency: 64, order: "client" }, events),
  });
  const peer = { address: client, key: "", paced: false, send: nothing, settled: nothing };
  const rows = [
    { name: "decode a small message", cells: [bytesFor(() => (kept = decode(packet)))] },
    { name: "decode it, find its handler and call it", cells: [bytesFor(() => handlePacket(dispatcher, packet, context))] },
    { name: "the same in the async server, without its socket", cells: [bytesFor(() => road.onPacket(packet, peer))] },
    { name: "encode it", cells: [bytesFor(() => (kept = encode(message)))] },
  ];
  if (kept === undefined) throw new Error("Nothing was measured.");
  return {
    title: "Bytes on the heap for a message",
    note: "Garbage to collect, once the code is compiled.",
    columns: ["bytes"],
    rows,
  };
}

async function pauses(load: string): Promise<Table> {
  const child = spawn(process.execPath, [file("latency/collector.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [port] = (await once(lines, "line")) as [string];
  const socket = createSocket("udp4");
  const report = async (): Promise<{ counted: number; allocated: number; pauses: number[] }> => {
    const answer = once(lines, "line") as Promise<[string]>;
    socket.send(encode(new OscMessage("/report")), Number(port), "127.0.0.1");
    return JSON.parse((await answer)[0]) as { counted: number; allocated: number; pauses: number[] };
  };
  const seconds = options.quick ? 2 : 5;
  await run(load, [port, "send", String(BESIDE), "1"]);
  await report();
  await run(load, [port, "send", String(BESIDE), String(seconds)]);
  const { counted, allocated, pauses: all } = await report();
  socket.close();
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const sum = all.reduce((total, pause) => total + pause, 0);
  return {
    title: `The collector in the async server, at ${BESIDE.toLocaleString("en")} messages per second`,
    note: "Heap bytes per message, including those of Node's dgram; pauses per second, the longest, and their share of the time.",
    columns: ["bytes", "pauses/s", "longest ms", "% of the time"],
    rows: [
      { name: "oscine async", cells: [allocated / counted, all.length / seconds, Math.max(0, ...all), (sum / (seconds * 1000)) * 100] },
    ],
  };
}
