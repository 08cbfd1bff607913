import { OscMessage, type OscPacket, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { NatsExecutor, type NatsExecutorOptions } from "../../src/nats/index.ts";
import { AsyncOSCUDPServer, type AsyncUdpServerOptions } from "../../src/server/udp-servers.ts";
import type { ServerProtocol, ServerStats, ServerTransport } from "../../src/server/index.ts";
import { isEven } from "../shared/server-process.ts";

/** An error as a front end or worker reported it. */
export interface Reported {
  readonly error: OscError;
  readonly client: NetAddress | undefined;
}

/** A client that is in this process: what it sends cannot get lost on the way to the front end. */
export class TestClient {
  readonly address: NetAddress;
  /** What came back: each message as its address and arguments. */
  readonly replies: (readonly unknown[])[] = [];
  readonly #front: TestFrontEnd;

  constructor(front: TestFrontEnd, port: number) {
    this.#front = front;
    this.address = { address: "127.0.0.1", port, family: "IPv4" };
  }

  send(packet: OscPacket | Uint8Array): void {
    this.#front.protocol.packetReceived(packet instanceof Uint8Array ? packet : encode(packet), {
      address: this.address,
      send: (bytes) => {
        const reply = decode(bytes);
        if (reply instanceof OscMessage) this.replies.push([reply.address, ...reply.args]);
        this.#front.changed();
      },
    });
  }

  say(address: string, ...args: readonly number[]): void {
    this.send(new OscMessage(address, args));
  }
}

/** A front end in this process. */
export class TestFrontEnd implements AsyncDisposable {
  readonly reported: Reported[] = [];
  readonly protocol: ServerProtocol;
  readonly transport: ServerTransport;
  /** The servers that it was connected to, and null for each break. */
  readonly connections: (string | null)[];
  readonly #changes: Changes;

  private constructor(
    protocol: ServerProtocol,
    transport: ServerTransport,
    reported: Reported[],
    connections: (string | null)[],
    changes: Changes,
  ) {
    this.protocol = protocol;
    this.transport = transport;
    this.reported = reported;
    this.connections = connections;
    this.#changes = changes;
  }

  static async start(
    nats: NatsExecutorOptions,
    options: AsyncUdpServerOptions = {},
    dispatcher: Dispatcher = new Dispatcher(),
  ): Promise<TestFrontEnd> {
    const reported: Reported[] = [];
    const connections: (string | null)[] = [];
    const changes = new Changes();
    const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher, {
      maxReports: 1000,
      ...options,
      executor: NatsExecutor.for({
        reconnectDelay: 50,
        ...nats,
        onConnection: (place) => {
          connections.push(place);
          changes.tell();
        },
      }),
      onError: (error, client) => {
        reported.push({ error, client });
        changes.tell();
      },
    });
    const [transport, protocol] = await server.createServeEndpoint();
    return new TestFrontEnd(protocol, transport, reported, connections, changes);
  }

  get stats(): ServerStats {
    return this.protocol.stats();
  }

  get codes(): readonly string[] {
    return this.reported.map(({ error }) => error.code);
  }

  client(port = 50_000): TestClient {
    return new TestClient(this, port);
  }

  changed(): void {
    this.#changes.tell();
  }

  /** Waits until that is so. */
  until(condition: () => boolean): Promise<void> {
    return this.#changes.until(condition);
  }

  /** Waits until nothing is on its way, and holds the account against itself. */
  async quiet(): Promise<ServerStats> {
    await this.until(() => this.stats.inProgress === 0);
    if (!isEven(this.stats)) throw new Error(`The account is not even: ${JSON.stringify(this.stats)}`);
    return this.stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
  }
}

const LOOK_MS = 10;

/** Waits for what changes: looks again when something was told, and now and then, for counters tell nothing. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  tell(): void {
    for (const look of this.#waiting) look();
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          if (!condition()) return;
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        clearInterval(timer);
        this.#waiting.delete(look);
      };
      const timer = setInterval(look, LOOK_MS);
      this.#waiting.add(look);
      look();
    });
  }
}
