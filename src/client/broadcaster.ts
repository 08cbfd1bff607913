import { type OscArgument, OscBundle, type OscPacket, type TimeTag } from "../codec/index.ts";
import { Reporter, reportToConsole } from "../dispatch/index.ts";
import type { OscError } from "../errors.ts";
import { bad, checkOptionValues } from "../options.ts";
import { CLIENT_CHECKS } from "./options.ts";
import { type ClientStats, PacketEncoder, checkNotVariadic } from "./packet-client.ts";
import { SendPromise } from "./sender.ts";
import { BatchResult, UDPClient, type UDPClientOptions } from "./udp-client.ts";

/** Counters of one target of a {@link Broadcaster}. */
export interface TargetStats extends ClientStats {
  /** The target as it was given. */
  readonly target: readonly [host: string, port: number];
}

/**
 * Sends each packet to several targets over UDP. It encodes a packet once. Each target has its own socket, so that one that is away or
 * doesn't resolve costs the others nothing.
 *
 * @example
 * await using lights = new Broadcaster([["192.168.1.10", 9000], ["192.168.1.11", 9000]]);
 * await lights.sendMessage("/scene", 3);
 * for (const { target, sendErrors } of lights.stats()) console.log(target, sendErrors);
 */
export class Broadcaster implements AsyncDisposable {
  /** One client per target, in order: for `messages()` and `request()` of one target. */
  readonly clients: readonly UDPClient[];
  readonly #targets: readonly (readonly [host: string, port: number])[];
  readonly #encoder: PacketEncoder;
  readonly #reporter: Reporter;
  readonly #onUnseen = (error: OscError): void => this.#reporter.report(error);

  /**
   * @param targets each as `[host, port]`
   * @param options those of each client
   * @throws OscServerError `OSC_OPTION` for an invalid target or option
   */
  constructor(targets: readonly (readonly [host: string, port: number])[], options: UDPClientOptions = {}) {
    const pairs: unknown = targets;
    if (!Array.isArray(pairs) || pairs.length === 0 || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      throw bad("The targets", 'an array of [host, port], such as [["127.0.0.1", 9000]]', targets);
    }
    this.clients = targets.map(([host, port]) => new UDPClient(host, port, options));
    this.#targets = targets.map(([host, port]) => [host, port]);
    this.#encoder = new PacketEncoder(checkOptionValues(options, { for: CLIENT_CHECKS.for, numbers: CLIENT_CHECKS.numbers }));
    this.#reporter = new Reporter(options.onError ?? reportToConsole, CLIENT_CHECKS.maxReports(options.maxReports, "maxReports"));
  }

  /**
   * Sends a message or a bundle to all targets. Resolves when the system has taken all packets. You need not await it; see
   * {@link UDPClient.send}.
   *
   * @throws (rejects) OscBatchError after all have been tried, with the index of each target that it could not be sent to; OscEncodeError for
   * anything that isn't a packet
   */
  send(packet: OscPacket): Promise<void> {
    return this.#sendEncoded(() => this.#encoder.encode(packet));
  }

  /** Sends a message; see {@link send} and {@link UDPClient.sendMessage}. */
  sendMessage(address: string, value: OscArgument = [], types?: string, ...more: readonly never[]): Promise<void> {
    return this.#sendEncoded(() => {
      checkNotVariadic(address, value, types, more);
      return this.#encoder.encodeMessage(address, value, types);
    });
  }

  /** Sends a bundle; see {@link send} and {@link UDPClient.sendBundle}. */
  sendBundle(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag): Promise<void> {
    return this.#sendEncoded(() => this.#encoder.encode(new OscBundle(elements, timeTag)));
  }

  /** Counters of each target, in order. */
  stats(): readonly TargetStats[] {
    return this.clients.map((client, index) => ({ target: this.#targets[index] as readonly [string, number], ...client.stats() }));
  }

  /** Closes all sockets after everything given to `send` is out. */
  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    this.#reporter.close();
  }

  /** `await using broadcaster = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #sendEncoded(encode: () => Uint8Array): Promise<void> {
    return SendPromise.of((done) => {
      const bytes = encode();
      const result = new BatchResult(this.clients.length, `${this.clients.length} targets`, done);
      for (const [index, client] of this.clients.entries()) {
        client.sendBytes(bytes).then(
          () => result.settle(index, null),
          (error: unknown) => result.settle(index, error as OscError),
        );
      }
    }, this.#onUnseen);
  }
}
