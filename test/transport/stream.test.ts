/** OSC over any stream of bytes: streams of Node and of the web, serial ports. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { StreamClient } from "../../src/client/index.ts";
import type { StreamClientOptions } from "../../src/client/stream-client.ts";
import { OscMessage, encode, float } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import { type Framing, encodeFrame } from "../../src/framing/index.ts";
import { AsyncOSCStreamServer, type AsyncStreamServerOptions } from "../../src/server/index.ts";
import type { StreamSource, WebSerialPort } from "../../src/framing/byte-stream.ts";
import { openSerialPort } from "../../src/transport/serial.ts";
import { Cable, hasCables } from "../shared/cable.ts";

/** Two streams of Node, each the other side of the other. */
function duplexPair(): [Duplex, Duplex] {
  const [here, there] = [new Half(), new Half()];
  here.other = there;
  there.other = here;
  return [here, there];
}
class Half extends Duplex {
  other: Half | null = null;

  override _read(): void {
    // What the other half writes is pushed.
  }

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    if (this.other?.readableEnded === false) this.other.push(bytes);
    done();
  }

  override _final(done: () => void): void {
    if (this.other?.destroyed === false) this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.other?.destroyed === false && !this.other.readableEnded) this.other.push(null);
    done(error);
  }
}

/** Two pairs of web streams. */
function webPair(): [WebPair, WebPair] {
  const [there, back] = [new TransformStream<Uint8Array, Uint8Array>(), new TransformStream<Uint8Array, Uint8Array>()];
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ];
}
interface WebPair {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
}

const errors: OscError[] = [];
async function serve(source: StreamSource, options: AsyncStreamServerOptions = {}): Promise<AsyncOSCStreamServer> {
  const dispatcher = new Dispatcher();
  dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
  errors.length = 0;
  const server = new AsyncOSCStreamServer(source, dispatcher, { name: "board", onError: (error) => errors.push(error), ...options });
  await server.createServeEndpoint();
  onTestFinished(() => server.close());
  return server;
}

function clientOf(source: StreamSource | string, options: StreamClientOptions = {}): StreamClient {
  const client = new StreamClient(source, { name: "board", onError: (error) => errors.push(error), ...options });
  onTestFinished(() => client.close());
  return client;
}

const PAIRS: readonly [string, () => readonly [StreamSource, StreamSource]][] = [
  ["streams of Node", duplexPair],
  ["web streams", webPair],
];

describe.each(PAIRS)("over %s", (_name, pair) => {
  test.each(["1.0", "1.1", "none"] as const)("a client and a server talk, framing %s", async (framing) => {
    const [here, there] = pair();
    const server = await serve(there, { framing });
    const client = clientOf(here, { framing });
    const reply = await client.request("/echo", [1, "two", new Uint8Array([0xc0, 0xdb])], { replyTo: "/echoed" });
    expect(reply.args).toEqual([1, "two", new Uint8Array([0xc0, 0xdb])]);
    expect(server.stats()).toMatchObject({ received: 1, handled: 1, replied: 1, connections: 1, faults: 0 });
    expect(server.serverAddress).toEqual({ address: "board", port: 0, family: "unix" });
    server.send(new OscMessage("/first"), server.serverAddress);
    for await (const { message, from } of client.receive()) {
      expect([message.address, from.address]).toEqual(["/first", "board"]);
      break;
    }
  });

  test.each(["1.0", "1.1"] as const)("the server detects the framing, %s, and the client that of what arrives", async (framing) => {
    const [here, there] = pair();
    await serve(there);
    const reply = await clientOf(here, { framing }).request("/echo", 5, { replyTo: "/echoed" });
    expect(reply.args).toEqual([5]);
  });

  test("the end of the stream ends the waits of the client, and says how to go on", async () => {
    const [here, there] = pair();
    const server = await serve(there);
    const client = clientOf(here);
    await client.request("/echo", 5, { replyTo: "/echoed" });
    const over = (async () => {
      for await (const message of client.messages()) expect.unreachable(message.address);
    })();
    await server.close();
    await over;
    expect(client.state).toBe("disconnected");
    await expect(client.sendMessage("/echo")).rejects.toMatchObject({ code: "OSC_CLOSED", message: expect.stringContaining("a function") });
  });
});

describe("a stream that is joined within a packet", () => {
  const bytes = Buffer.concat([
    encodeFrame(encode(new OscMessage("/echo", ["cut off"])), "1.1").subarray(5),
    encodeFrame(encode(new OscMessage("/echo", ["whole"])), "1.1"),
  ]);

  test.each(["1.1", "auto"] as const)("a server skips the beginning, counts it once and delivers the rest, framing %s", async (framing) => {
    const [here, there] = duplexPair();
    const server = await serve(there, { framing });
    here.write(bytes);
    await expect.poll(() => server.stats().handled).toBe(1);
    expect(server.stats()).toMatchObject({ received: 1, handled: 1, faults: 1 });
    expect(errors.map(({ code }) => code)).toEqual(["OSC_FRAME_TRUNCATED"]);
  });

  test("a client does the same", async () => {
    const [here, there] = duplexPair();
    errors.length = 0;
    const client = clientOf(here);
    await client.open();
    there.write(bytes);
    for await (const { args } of client.messages()) {
      expect(args).toEqual(["whole"]);
      break;
    }
    expect(errors.map(({ code }) => code)).toEqual(["OSC_FRAME_TRUNCATED"]);
  });
});

test("limits hold as over TCP: too large a frame is skipped and counted", async () => {
  const [here, there] = duplexPair();
  const server = await serve(there, { maxPacketSize: 64 });
  here.write(encodeFrame(new Uint8Array(100).fill(0x2f), "1.1"));
  here.write(encodeFrame(encode(new OscMessage("/echo", [1])), "1.1"));
  await expect.poll(() => server.stats().handled).toBe(1);
  expect(errors.map(({ code }) => code)).toEqual(["OSC_FRAME_TOO_LARGE"]);
});

test("a function that opens streams is called again when one has ended, by server and client", async () => {
  const opened: Duplex[] = [];
  const open = (): Duplex => {
    const [mine, others] = duplexPair();
    opened.push(others);
    return mine;
  };
  const server = await serve(open);
  opened[0]?.destroy();
  opened[0]?.end();
  await expect.poll(() => opened.length).toBe(2);
  opened[1]?.write(encodeFrame(encode(new OscMessage("/echo", [2])), "1.1"));
  await expect.poll(() => server.stats().handled).toBe(1);

  const client = clientOf(open, { reconnect: { minDelay: 1 } });
  await client.connect();
  expect(opened).toHaveLength(3);
  opened[2]?.destroy();
  await expect.poll(() => opened.length).toBe(4);
  await expect.poll(() => client.state).toBe("connected");
  await client.sendMessage("/after");
  const [piece] = (await once(opened[3] as Duplex, "data")) as [Uint8Array];
  expect([...piece]).toEqual([...encodeFrame(encode(new OscMessage("/after")), "1.1")]);
});

test("a Web Serial port is opened with its speed, and again after it was unplugged", async () => {
  const port = new FakeSerialPort();
  const client = clientOf(port, { baudRate: 9600, reconnect: { minDelay: 1 } });
  await client.connect();
  expect(port.rates).toEqual([9600]);
  port.device?.write(encodeFrame(encode(new OscMessage("/sensor", 1)), "1.1"));
  const messages = client.messages();
  expect((await messages.next()).value).toMatchObject({ address: "/sensor", args: [1] });
  port.unplug();
  await expect.poll(() => port.rates.length).toBe(2);
  await expect.poll(() => client.state).toBe("connected");
  port.device?.write(encodeFrame(encode(new OscMessage("/sensor", 2)), "1.1"));
  expect((await messages.next()).value).toMatchObject({ address: "/sensor", args: [2] });
  await client.close();
  expect(port.readable).toBeNull();
});

test.each([
  ["a number", 5],
  ["nothing", undefined],
  ["a stream that only reads", { readable: new ReadableStream() }],
  ["another URL", "osc.tcp://127.0.0.1:9000"],
])("%s is refused at once", (_what, source) => {
  expect(() => new StreamClient(source as never)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  expect(() => new AsyncOSCStreamServer(source as never, new Dispatcher())).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
});

test("a serial port without the package says how to install it, one that fails says why", async () => {
  await expect(openSerialPort("/dev/nothing", 9600, () => Promise.reject(new Error("no such package")))).rejects.toThrow();
  class Refusing extends Duplex {
    open(done: (error: Error) => void): void {
      done(new Error("Error: Permission denied, cannot open /dev/ttyACM0"));
    }
  }
  await expect(openSerialPort("/dev/ttyACM0", 9600, async () => ({ SerialPort: Refusing }))).rejects.toMatchObject({
    code: "EACCES",
    message: expect.stringContaining("dialout"),
  });
});

/** A serial port of a page: its streams are new each time that it is opened, and null while it is closed. */
class FakeSerialPort implements WebSerialPort {
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  readonly rates: number[] = [];
  /** What the device sends with. */
  device: { write(bytes: Uint8Array): void } | null = null;
  #fail: (error: Error) => void = () => undefined;

  async open({ baudRate }: { readonly baudRate: number }): Promise<void> {
    this.rates.push(baudRate);
    this.readable = new ReadableStream({
      start: (controller) => {
        this.device = { write: (bytes) => controller.enqueue(bytes) };
        this.#fail = (error) => controller.error(error);
      },
    });
    this.writable = new WritableStream();
  }

  async close(): Promise<void> {
    if (this.readable?.locked === true || this.writable?.locked === true) throw new TypeError("The port is in use.");
    this.readable = null;
    this.writable = null;
  }

  unplug(): void {
    this.#fail(new DOMException("The device has been lost.", "NetworkError"));
    this.readable = null;
  }
}

/** Runs a program that ends with the test; `until` resolves when it has printed a line. */
function runProgram(file: string, ...words: string[]): { program: ChildProcess; until: (wanted: string) => Promise<void> } {
  const program = spawn(process.execPath, ["--import", "tsx", fileURLToPath(new URL(file, import.meta.url)), ...words]);
  onTestFinished(async () => {
    if (program.exitCode !== null) return;
    const exited = once(program, "exit");
    program.kill("SIGKILL");
    await exited;
  });
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const until = async (wanted: string): Promise<void> => {
    for (let line = await lines.next(); line.value !== wanted; line = await lines.next()) expect(line.done).toBe(false);
  };
  return { program, until };
}

describe.runIf(hasCables)("a serial port", () => {
  test.each(["1.0", "1.1"] as readonly Framing[])("carries OSC both ways, framing %s", async (framing) => {
    const cable = await Cable.plugged();
    const server = await serve(() => openSerialPort(cable.there, 115_200), { name: cable.there });
    const client = clientOf(`osc.serial://${cable.here}?baud=115200&framing=${framing}`, { name: cable.here });
    const data = new Uint8Array(3000).map((_, index) => index % 256);
    const reply = await client.request("/echo", [1, data], { replyTo: "/echoed" });
    expect(reply.args).toEqual([1, data]);
    expect(server.stats()).toMatchObject({ received: 1, handled: 1, faults: 0 });
  });

  test("is opened again after it was unplugged", async () => {
    const cable = await Cable.plugged();
    const { until } = runProgram("programs/serial-ends.mjs", cable.here, cable.there);
    await until("answered");
    await cable.unplug();
    await until("unplugged");
    await cable.plug();
    await until("answered");
  }, 30_000);

  test("the example serial-board.ts prints what a board measures, and lights its LED", async () => {
    const cable = await Cable.plugged();
    const board = clientOf(`osc.serial://${cable.there}`);
    await board.connect();
    const { program, until } = runProgram("../../examples/serial-board.ts", cable.here);
    await until("connected");
    expect((await board.request("/sensor/light", float(0.75), { replyTo: "/led" })).args).toEqual([true]);
    await until("/sensor/light: 0.75");
    program.kill("SIGINT");
    await until("closed");
    expect(await once(program, "exit")).toEqual([0, null]);
  }, 30_000);

  test("that isn't there is ENOENT, with what to do", async () => {
    const client = clientOf("osc.serial:///dev/there-is-no-such-port", { reconnect: false });
    await expect(client.connect()).rejects.toMatchObject({ code: "ENOENT", message: expect.stringContaining("plugged in") });
  });
});
