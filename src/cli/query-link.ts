import type { PacketClient } from "../client/packet-client.ts";
import { OscBundle, type OscPacket, decode } from "../codec/index.ts";
import { OscError } from "../errors.ts";
import type { Sender } from "../monitor/feed.ts";
import type { MonitoredMethods } from "../monitor/methods.ts";
import { OscQueryClient } from "../oscquery/index.ts";
import { asUsageLater, createSender, parseUrl, queryUrl } from "./endpoint.ts";

/** Polling interval if the server doesn't report changes. */
const POLL_MS = 1000;

/** An OSCQuery server's methods for the monitor. */
export class QueryLink implements MonitoredMethods {
  readonly target: string;
  readonly #client: OscQueryClient;
  readonly #onError: (error: OscError) => void;
  #isClosed = false;
  #polling: NodeJS.Timeout | undefined;

  private constructor(client: OscQueryClient, target: string, onError: (error: OscError) => void) {
    this.#client = client;
    this.target = target;
    this.#onError = onError;
  }

  /**
   * Reads the tree and follows its values: over the WebSocket if the server supports `LISTEN`, otherwise by polling.
   *
   * @throws (rejects) UsageError for a bad URL, OscQueryError if the server doesn't answer
   */
  static async open(url: string, onError: (error: OscError) => void): Promise<QueryLink> {
    const target = queryUrl(url);
    const client = await asUsageLater(() => OscQueryClient.connect(target, { onError }));
    const link = new QueryLink(client, target, onError);
    try {
      if (link.#listens) await client.mirror();
      else link.#poll();
    } catch (error) {
      await client.close();
      throw error;
    }
    return link;
  }

  get name(): string {
    return this.#client.hostInfo.name;
  }

  get namespace(): MonitoredMethods["namespace"] {
    return this.#client.namespace;
  }

  /** A sender to the server: over its WebSocket, or to its OSC server without one. */
  async sender(): Promise<Sender> {
    const client = this.#client;
    const osc = this.#listens ? null : await this.#oscSender();
    return {
      get clientAddress() {
        return osc?.clientAddress ?? null;
      },
      open: () => osc?.open() ?? Promise.resolve(),
      sendBytes: async (bytes) => {
        const packet = decode(bytes);
        await (osc?.sendBytes(bytes) ?? client.send(packet));
        this.#adopt(packet);
      },
      ...(osc !== null && { receive: () => osc.receive() }),
      close: () => osc?.close() ?? Promise.resolve(),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#polling);
    await this.#client.close();
  }

  get #listens(): boolean {
    return this.#client.hostInfo.extensions["LISTEN"] === true;
  }

  #oscSender(): Promise<PacketClient> {
    const { oscHost, oscPort, oscTransport } = this.#client.hostInfo;
    const host = oscHost.includes(":") && !oscHost.startsWith("[") ? `[${oscHost}]` : oscHost;
    const url = parseUrl(`osc.${oscTransport.toLowerCase()}://${host}:${oscPort}/`);
    return createSender(url, { numbers: "auto", onError: this.#onError });
  }

  /** Applies sent values locally, because a server doesn't report a change to its sender. */
  #adopt(packet: OscPacket): void {
    if (packet instanceof OscBundle) {
      for (const element of packet.elements) this.#adopt(element);
      return;
    }
    try {
      this.namespace.update(packet.address, packet, null, this);
    } catch (error) {
      // The method's description doesn't allow the value, so the server rejects it too.
      if (!(error instanceof OscError)) throw error;
    }
  }

  #poll(hasFailed: boolean = false): void {
    if (this.#isClosed) return;
    this.#polling = setTimeout(() => {
      this.#client.refresh().then(
        () => this.#poll(),
        (error: unknown) => {
          // Reported once until it answers again.
          if (!hasFailed && !this.#isClosed && error instanceof OscError) this.#onError(error);
          this.#poll(true);
        },
      );
    }, POLL_MS);
  }
}
