import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { expect, onTestFinished } from "vitest";
import { OscMessage, type OscPacket, type OscValue, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import { type Framing, createFrameDecoder, encodeFrames } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { AsyncOSCTCPServer, type AsyncTcpServerOptions, type StreamAddress } from "../../src/server/index.ts";

export const LOCAL = "127.0.0.1";

/** Something that happens again and again: `until` resolves as soon as what is asked for is true. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  happen(): void {
    for (const look of this.#waiting) look();
  }

  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }
}

export interface Served {
  readonly server: AsyncOSCTCPServer;
  readonly dispatcher: Dispatcher;
  readonly errors: { readonly error: OscError; readonly client: NetAddress | undefined }[];
  readonly reported: (count: number) => Promise<void>;
}

export interface Setup extends AsyncTcpServerOptions {
  readonly address?: StreamAddress;
  readonly make?: typeof AsyncOSCTCPServer;
  readonly strictTiming?: boolean;
}

/** An async server over TCP that answers `/echo`, and ends with the test. */
export async function serve({
  address = [LOCAL, 0],
  make = AsyncOSCTCPServer,
  strictTiming = true,
  ...options
}: Setup = {}): Promise<Served> {
  const errors: { error: OscError; client: NetAddress | undefined }[] = [];
  const changes = new Changes();
  const dispatcher = new Dispatcher({ strictTiming });
  dispatcher.map("/echo", (_address: string, ...args: OscValue[]) => ["/echoed", ...args]);
  const server = new make(address, dispatcher, {
    onError: (error, client) => {
      errors.push({ error, client });
      changes.happen();
    },
    ...options,
  });
  await server.createServeEndpoint();
  onTestFinished(() => server.close());
  return { server, dispatcher, errors, reported: (count) => changes.until(() => errors.length >= count) };
}

/** A client made of the system's socket alone. */
export class RawClient {
  readonly socket: Socket;
  readonly framing: Framing;
  /** Packets that have come. */
  readonly arrived: OscPacket[] = [];
  /** Resolves when the server has ended its side, or the connection broke. */
  readonly ended: Promise<void>;
  readonly #changes = new Changes();

  private constructor(socket: Socket, framing: Framing) {
    this.socket = socket;
    this.framing = framing;
    const decoder = createFrameDecoder(framing, {
      onPacket: (packet) => {
        this.arrived.push(decode(packet));
        this.#changes.happen();
      },
      onError: (error) => {
        throw error;
      },
    });
    socket.on("data", (bytes: Uint8Array) => decoder.push(bytes));
    socket.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      socket.once("end", resolve);
      socket.once("close", () => resolve());
    });
  }

  static async to({ serverAddress }: { readonly serverAddress: NetAddress }, framing: Framing = "1.1"): Promise<RawClient> {
    const { address, port, family } = serverAddress;
    const socket = family === "unix" ? connect(address) : connect({ port, host: address === "::" ? LOCAL : address, noDelay: true });
    const client = new RawClient(socket, framing);
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return client;
  }

  get address(): NetAddress {
    const { localAddress = "", localPort = 0 } = this.socket;
    return { address: localAddress, port: localPort, family: localAddress.includes(":") ? "IPv6" : "IPv4" };
  }

  /** Sends packets in one write. */
  send(...packets: (OscPacket | Uint8Array)[]): void {
    this.socket.write(
      encodeFrames(
        packets.map((packet) => (packet instanceof Uint8Array ? packet : encode(packet))),
        this.framing,
      ),
    );
  }

  /** The next packets, each a message as its address and arguments. */
  async next(count: number): Promise<(readonly unknown[])[]> {
    await this.#changes.until(() => this.arrived.length >= count);
    return this.arrived.splice(0, count).map((packet) => {
      if (!(packet instanceof OscMessage)) throw new Error("a bundle came where a message was expected");
      return [packet.address, ...packet.args];
    });
  }

  /** Asks the server to echo something, and expects it to. */
  async expectEcho(value: OscValue): Promise<void> {
    this.send(new OscMessage("/echo", [value]));
    expect(await this.next(1)).toEqual([["/echoed", value]]);
  }
}

/** Received = handled + rejected + dropped, and what is under way. */
export function expectBalance(server: AsyncOSCTCPServer): void {
  const { received, handled, rejected, dropped, waiting, inProgress } = server.stats();
  expect(received).toBe(handled + Object.values(rejected).reduce((sum, count) => sum + count, 0) + dropped + waiting + inProgress);
}

/** A gate: what waits at it goes on when it is opened. */
export class Gate {
  open: () => void = () => undefined;
  readonly opened: Promise<void> = new Promise((resolve) => {
    this.open = resolve;
  });
}

/** Lets the event loop look at all sockets several times. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for what only counters show. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}
