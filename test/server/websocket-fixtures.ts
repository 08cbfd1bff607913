import { once } from "node:events";
import { onTestFinished } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { OscMessage, type OscPacket, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { AsyncOSCWebSocketServer, type AsyncWebSocketServerOptions, type WebSocketAddress } from "../../src/server/index.ts";

/** A server that echoes, and what it reported. */
export class Rig {
  readonly server: AsyncOSCWebSocketServer;
  readonly dispatcher = new Dispatcher();
  readonly errors: { readonly error: OscError; readonly client: NetAddress | undefined }[] = [];

  constructor(options: AsyncWebSocketServerOptions, address: WebSocketAddress) {
    this.dispatcher.map("/echo", (_address, ...args) => new OscMessage("/echoed", args));
    this.server = new AsyncOSCWebSocketServer(address, this.dispatcher, {
      onError: (error, client) => this.errors.push({ error, client }),
      ...options,
    });
    onTestFinished(() => this.server.close());
  }

  static async serve(options: AsyncWebSocketServerOptions = {}, address: WebSocketAddress = ["127.0.0.1", 0]): Promise<Rig> {
    const rig = new Rig(options, address);
    await rig.server.createServeEndpoint();
    return rig;
  }

  get port(): number {
    return this.server.serverAddress.port;
  }

  url(path = "/"): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  codes(): string[] {
    return this.errors.map(({ error }) => error.code);
  }
}

/** A WebSocket that is none of ours. */
export class Raw {
  readonly socket: WebSocket;
  readonly packets: OscPacket[] = [];
  /** How it ended. */
  readonly closed: Promise<number>;
  #changed = (): void => undefined;

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on("message", (data) => {
      this.packets.push(decode(new Uint8Array(data as Buffer)));
      this.#changed();
    });
    this.closed = new Promise((resolve) => this.socket.on("close", resolve));
    this.socket.on("error", () => undefined);
    onTestFinished(() => this.socket.terminate());
  }

  static async open(url: string, options: ClientOptions = {}): Promise<Raw> {
    const raw = new Raw(url, options);
    await once(raw.socket, "open");
    return raw;
  }

  say(...packets: (OscPacket | Uint8Array)[]): void {
    for (const packet of packets) this.socket.send(packet instanceof Uint8Array ? packet : encode(packet));
  }

  async next(): Promise<OscPacket> {
    while (this.packets.length === 0) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this.packets.shift() as OscPacket;
  }

  async ask(value: number): Promise<unknown> {
    this.say(new OscMessage("/echo", value));
    const reply = await this.next();
    return reply instanceof OscMessage ? reply.args[0] : reply;
  }
}

/** The HTTP status with which a connection is refused. */
export async function refusalOf(url: string, options: ClientOptions = {}): Promise<number> {
  const socket = new WebSocket(url, options);
  socket.on("error", () => undefined);
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number; destroy(): void }];
  response.destroy();
  return response.statusCode;
}
