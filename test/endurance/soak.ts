/**
 * Sends 10,000 messages a second to each kind of server for a while, with faults among them, and sees that nothing grows and nothing is lost:
 *
 *     npm run soak -- --minutes 10 [--kind async] [--transport udp] [--rate 10000]
 *
 * The time is shared out among the servers, which are tried one after another. Exit code 1 where one of them fails.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { parseArgs } from "node:util";
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { descendants } from "../server/pool-program.ts";
import { type Account as AskedAccount, type Kind, ServerProcess, isEven } from "../shared/server-process.ts";
import type { Correspondent, TransportName } from "../shared/wire.ts";
import { type Sample, canSample, sample } from "./process-tree.ts";
import { Strangers } from "./strangers.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    kind: { type: "string" },
    transport: { type: "string" },
    rate: { type: "string", default: "10000" },
  },
});

const TICKS_PER_SECOND = 50;
/** Of the messages of a tick so many come in bundles of this size, the others one by one. */
const BUNDLE_SIZE = 30;
const SAMPLE_MS = 2000;
/** Threads, or processes, that handle packets. */
const MAX_WORKERS = 8;
/** The server itself, the shell that looks after its children, and one that is just ending. */
const OWN_PROCESSES = 3;
const quiet = new OscMessage("/quiet", [1, 0.5, "text"]);
const BUNDLE = encode(new OscBundle(Array.from({ length: BUNDLE_SIZE }, () => quiet)));
const SINGLE = encode(quiet);
const GARBAGE = Uint8Array.of(0x9a, 0x01, 0xff, 0x63);
const MALFORMED = Uint8Array.from(Buffer.from("/a\0\0,q\0\0"));

/** Sends to a server, whatever its transport, and knows how many packets and messages that were. */
interface Line {
  send(packet: Uint8Array): void;
  /** Packets that are not sent yet. */
  readonly unsent: number;
  close(): Promise<void>;
}

async function udpLine({ port, address }: NetAddress): Promise<Line> {
  const socket = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 });
  await new Promise<void>((resolve) => socket.connect(port, address, resolve));
  socket.on("message", () => undefined);
  socket.on("error", () => undefined);
  let unsent = 0;
  return {
    send: (packet) => {
      unsent += 1;
      socket.send(packet, () => (unsent -= 1));
    },
    get unsent() {
      return unsent;
    },
    close: () => new Promise((resolve) => socket.close(resolve)),
  };
}

async function tcpLine(address: NetAddress): Promise<Line> {
  const socket = await connected(address);
  let unsent = 0;
  return {
    send: (packet) => {
      unsent += 1;
      socket.write(encodeFrame(packet, "1.0"), () => (unsent -= 1));
    },
    get unsent() {
      return unsent;
    },
    close: () => closed(socket),
  };
}

async function connected({ port, address }: NetAddress): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true });
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket.resume();
}

async function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  socket.destroy();
  await once(socket, "close");
}

/** What was sent to a server, in packets; a bundle that holds another for later counts as two. */
interface Sent {
  packets: number;
  messages: number;
  faults: number;
}

/** Traffic for a while: at each tick good messages, and once a second what is bad. */
class Traffic {
  readonly sent: Sent = { packets: 0, messages: 0, faults: 0 };
  readonly #server: ServerProcess;
  readonly #kind: Kind;
  readonly #line: Line;
  readonly #isTcp: boolean;
  readonly #strangers: Strangers;
  readonly #beside: Promise<void>[] = [];

  constructor(server: ServerProcess, kind: Kind, line: Line, isTcp: boolean) {
    this.#strangers = new Strangers(server.address, isTcp);
    this.#server = server;
    this.#kind = kind;
    this.#line = line;
    this.#isTcp = isTcp;
  }

  async run(milliseconds: number, rate: number, onSecond: () => Promise<void>): Promise<void> {
    const begin = performance.now();
    let wanted = 0;
    for (let tick = 1; performance.now() - begin < milliseconds; tick++) {
      const due = begin + (tick * 1000) / TICKS_PER_SECOND;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      // A stream that is held up is not filled further: what it takes is its rate.
      if (this.#line.unsent > 5000) continue;
      for (wanted += rate / TICKS_PER_SECOND; wanted >= BUNDLE_SIZE * 1.1; wanted -= BUNDLE_SIZE * 1.1) this.#sendBundleAndSingles();
      if (tick % TICKS_PER_SECOND !== 0) continue;
      await this.#sendFaults();
      this.#beside.push(this.#letStrangersAct());
      // The traffic does not wait for it.
      this.#beside.push(onSecond());
    }
    await Promise.all(this.#beside);
    await this.#strangers.close();
    while (this.#line.unsent > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async #letStrangersAct(): Promise<void> {
    const packets = await this.#strangers.act();
    this.sent.packets += packets;
    this.sent.messages += packets;
  }

  #sendBundleAndSingles(): void {
    this.#send(BUNDLE, BUNDLE_SIZE);
    for (let left = BUNDLE_SIZE / 10; left > 0; left--) this.#send(SINGLE, 1);
  }

  #send(packet: Uint8Array, messages: number): void {
    this.#line.send(packet);
    this.sent.packets += 1;
    this.sent.messages += messages;
  }

  async #sendFaults(): Promise<void> {
    const faults = [
      GARBAGE,
      MALFORMED,
      encode(new OscMessage("/throw")),
      encode(new OscMessage("/bad-reply")),
      encode(new OscMessage("/promise")),
    ];
    for (const fault of faults) this.#send(fault, 0);
    this.#send(encode(new OscBundle([quiet, quiet], TimeTag.in(300))), 2);
    this.#send(encode(new OscBundle([quiet], TimeTag.in(86_400_000))), 0);
    this.sent.faults += faults.length + 1;
    if (this.#kind === "threading" || this.#kind === "forking") {
      this.#send(encode(new OscMessage("/exit", [3])), 0);
      this.sent.faults += 1;
    }
    if (this.#kind === "forking") this.#killOneChild();
    if (this.#isTcp) this.#beside.push(this.#passBy());
  }

  /** One of the processes that handle packets; not the shell that looks after them. */
  #killOneChild(): void {
    const children = descendants(this.#server.child.pid as number);
    const youngest = children.at(-1);
    if (youngest === undefined || children.length < 3) return;
    try {
      process.kill(youngest.pid, "SIGKILL");
      this.sent.faults += 1;
    } catch {
      // It has ended by itself.
    }
  }

  /** Connections that come and go: silent, with a broken stream, in the middle of a frame. */
  async #passBy(): Promise<void> {
    const { address } = this.#server;
    for (const bytes of [null, Uint8Array.of(0x7f, 0xff, 0xff, 0xff), Uint8Array.of(0, 0, 0, 100, 0x2f)]) {
      const socket = await connected(address);
      if (bytes !== null) await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
      await closed(socket);
      this.sent.faults += 1;
    }
  }
}

interface Reading extends Sample {
  readonly handles: number;
}

/** The middle of a row of numbers. */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/**
 * What has grown from the second third of the time to the last: the first is for warming up. How many processes there are depends on what
 * else the machine does, and all else on that; so it is each process that must not grow, and their number has its bound.
 */
function grown(readings: readonly Reading[]): string[] {
  const third = Math.floor(readings.length / 3);
  if (third < 3) return [];
  const each = readings.map(({ processes, rss, threads, files, handles }) => ({
    processes: Math.max(0, processes - MAX_WORKERS - OWN_PROCESSES),
    rss: rss / processes,
    threads: threads / processes,
    files: files / processes,
    handles,
  }));
  const [middle, last] = [each.slice(third, 2 * third), each.slice(2 * third)];
  const tolerances: Readonly<Record<keyof Reading, number>> = { rss: 20, processes: 0, threads: 4, files: 20, handles: 5 };
  return (Object.keys(tolerances) as (keyof Reading)[]).flatMap((name) => {
    const [before, after] = [median(middle.map((reading) => reading[name])), median(last.map((reading) => reading[name]))];
    return after > before * 1.1 + tolerances[name] ? [`${name} grew from ${before.toFixed(0)} to ${after.toFixed(0)}`] : [];
  });
}

interface Account {
  readonly sent: Sent;
  readonly seconds: number;
  readonly stats: ServerStats;
  readonly readings: readonly Reading[];
  readonly faults: readonly string[];
}

async function soak(kind: Kind, transport: TransportName, milliseconds: number): Promise<Account> {
  const isTcp = transport !== "udp";
  const options = { ...workers(kind), ...(isTcp ? { framing: "1.0" } : {}), maxReports: 1000 };
  const server = await ServerProcess.start(kind, transport, options);
  const client = await server.connect();
  const line = await (isTcp ? tcpLine(server.address) : udpLine(server.address));
  const traffic = new Traffic(server, kind, line, isTcp);
  const readings: Reading[] = [];
  try {
    let last = performance.now();
    const begin = last;
    await traffic.run(milliseconds, Number(values.rate), async () => {
      if (performance.now() - last < SAMPLE_MS) return;
      last = performance.now();
      const { handles } = await accountOf(server, client);
      if (canSample) readings.push({ ...sample(server.child.pid as number), handles });
      server.errors.length = 0;
      server.lines.length = 0;
    });
    const seconds = (performance.now() - begin) / 1000;
    const stats = await settled(server, client);
    const asked = server.asked;
    await line.close();
    return { sent: traffic.sent, seconds, stats, readings, faults: [...unaccounted(traffic.sent, stats, asked), ...grown(readings)] };
  } finally {
    await server.dispose();
  }
}

function workers(kind: Kind): object {
  if (kind === "threading") return { minThreads: MAX_WORKERS, maxThreads: MAX_WORKERS };
  return kind === "forking" ? { maxChildren: MAX_WORKERS, requestsPerChild: 1000 } : {};
}

/** Asks again where the system dropped the question. */
async function accountOf(server: ServerProcess, client: Correspondent): Promise<AskedAccount> {
  for (;;) {
    const account = await Promise.race([server.account(client), new Promise<null>((resolve) => setTimeout(() => resolve(null), 2000))]);
    if (account !== null) return account;
  }
}

/** Waits until nothing waits any more, and ends the server. */
async function settled(server: ServerProcess, client: Correspondent): Promise<ServerStats> {
  for (
    let account = await accountOf(server, client);
    account.waiting > 0 || account.inProgress > 0;
    account = await accountOf(server, client)
  ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return server.quit(client);
}

function unaccounted(sent: Sent, stats: ServerStats, asked: number): string[] {
  const faults: string[] = [];
  if (!isEven(stats)) faults.push("the account is not even");
  // One packet each time the account was asked for, and the one that ended the server.
  const missing = sent.packets + asked + 1 - stats.received - (stats.kernelDropped ?? 0);
  if (missing !== 0) faults.push(`${missing} packets are unaccounted for`);
  return faults;
}

const kinds = (["async", "blocking", "threading", "forking"] as const).filter((kind) => values.kind === undefined || kind === values.kind);
const transports = (["udp", "tcp-1.0"] as const).filter((transport) => values.transport === undefined || transport === values.transport);
const share = (Number(values.minutes) * 60_000) / (kinds.length * transports.length);
let failed = false;
console.log(`${Math.round(share / 1000)} s each; Node ${process.version}`);
for (const transport of transports) {
  for (const kind of kinds) {
    const { sent, seconds, stats, readings, faults } = await soak(kind, transport, share);
    const range = (name: keyof Reading): string => {
      const third = readings.slice(Math.floor(readings.length / 3)).map((reading) => Math.round(reading[name]));
      return third.length === 0 ? "?" : `${Math.min(...third)}-${Math.max(...third)}`;
    };
    const refused = Object.values(stats.rejected).reduce((sum, count) => sum + count, 0);
    console.log(
      [
        `${kind} ${transport}: ${sent.messages} messages in ${sent.packets} packets (${Math.round(sent.messages / seconds)} a second), ${sent.faults} faults`,
        `  received ${stats.received}, handled ${stats.handled}, rejected ${refused}, dropped ${stats.dropped}, waiting ${stats.waiting}, kernel dropped ${stats.kernelDropped ?? 0}`,
        `  RSS ${range("rss")} MiB, processes ${range("processes")}, threads ${range("threads")}, files ${range("files")}, handles ${range("handles")}`,
        ...faults.map((fault) => `  FAILED: ${fault}`),
      ].join("\n"),
    );
    failed ||= faults.length > 0;
  }
}
console.log(failed ? "failed" : "all is accounted for, and nothing grew");
process.exit(failed ? 1 : 0);
