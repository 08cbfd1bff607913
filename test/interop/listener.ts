import { expect } from "vitest";
import { AsyncOSCTCPServer, AsyncOSCUDPServer, Dispatcher, type OscError, type OscPacket, type OscValue, decode } from "../../src/index.ts";
import { itemIn } from "./items.ts";
import { messagesOf } from "./line-text.ts";

class RecordingUdpServer extends AsyncOSCUDPServer {
  readonly packets: OscPacket[] = [];

  override verifyRequest(data: Uint8Array): boolean {
    this.packets.push(decode(data.slice()));
    return true;
  }
}

class RecordingTcpServer extends AsyncOSCTCPServer {
  readonly packets: OscPacket[] = [];

  override verifyRequest(data: Uint8Array): boolean {
    this.packets.push(decode(data.slice()));
    return true;
  }
}

/** A server of ours that keeps what a program sends: the packets, and what its handlers were called with. */
export class Listener implements AsyncDisposable {
  readonly #server: RecordingUdpServer | RecordingTcpServer;
  readonly #calls: (readonly OscValue[])[] = [];
  readonly #errors: OscError[] = [];
  #waiting: (() => void)[] = [];

  private constructor(transport: "udp" | "tcp") {
    // What programs date is in the past or as good as now: it is the order in which it arrives that matters here.
    const dispatcher = new Dispatcher({ strictTiming: false });
    dispatcher.setDefaultHandler((address: string, ...args: readonly OscValue[]) => {
      this.#calls.push([address, ...args]);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    });
    const Server = transport === "udp" ? RecordingUdpServer : RecordingTcpServer;
    this.#server = new Server(["127.0.0.1", 0], dispatcher, { onError: (error: OscError) => void this.#errors.push(error) });
  }

  static async open(transport: "udp" | "tcp" = "udp"): Promise<Listener> {
    const listener = new Listener(transport);
    await listener.#server.createServeEndpoint();
    return listener;
  }

  get port(): number {
    return this.#server.serverAddress.port;
  }

  get packets(): readonly OscPacket[] {
    return this.#server.packets;
  }

  /** Resolves when a handler has been called with that address, and gives what was heard. The test's own time is the limit. */
  async heard(address: string): Promise<readonly OscPacket[]> {
    while (!this.#calls.some(([called]) => called === address)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    expect(this.#errors).toEqual([]);
    const messages = this.packets.flatMap((packet) => messagesOf(packet));
    expect(this.#calls, "what handlers were called with").toEqual(messages.map((message) => [message.address, ...message.args]));
    return this.packets;
  }

  /** As {@link heard}: the lines of each item. */
  async linesOfItems(last: string, lines: (packet: OscPacket) => string[]): Promise<ReadonlyMap<number, readonly string[]>> {
    const byItem = new Map<number, string[]>();
    for (const packet of await this.heard(last)) {
      const first = messagesOf(packet)[0];
      const item = first === undefined ? undefined : itemIn(first.address);
      if (item === undefined) continue;
      byItem.set(item, [...(byItem.get(item) ?? []), ...lines(packet)]);
    }
    return byItem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }
}
