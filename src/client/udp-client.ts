import { isIP } from "node:net";
import { type OscArgument, OscBundle, OscMessage, type OscPacket, type TimeTag } from "../codec/index.ts";
import { type UdpOptions, udpOptionsOf } from "../transport/udp.ts";
import { type PacketClientOptions, checkTarget, formatTarget, optionError, show, wholeNumber } from "./options.ts";
import { BatchOutcome } from "./batch-outcome.ts";
import { LinkKeeper } from "./link-keeper.ts";
import { PacketClient } from "./packet-client.ts";
import { profileOf } from "./receivers.ts";
import { UdpLink, type UdpLinkSpec } from "./udp-link.ts";

/** Options of the UDP clients. */
export interface UDPClientOptions extends PacketClientOptions, UdpOptions {
  /** The IP address of this machine to send from. Default: the system's choice. */
  readonly localAddress?: string;
  /**
   * The port to send from and to hear on. Give it where a program answers to a port of its own choice: AbletonOSC, which listens on 11000,
   * always answers to 11001. Default 0: the system chooses.
   */
  readonly localPort?: number;
  /** The IP version that a host name is looked up for. Default 0: IPv4 where the name has it, else IPv6. */
  readonly family?: 0 | 4 | 6;
  /**
   * True: a connected socket. It sends faster, and is told when nothing listens at the port (`ECONNREFUSED`, to `onError`); but it hears
   * replies from that very host and port only. Many programs reply from another port (those that use liblo's `lo_send`, say), and what is sent to
   * a broadcast or multicast address is never answered from there. Default false: hears everyone.
   */
  readonly connected?: boolean;
  /**
   * How `sendBatch()` sends. `"auto"` (default): many packets by one call of the system, where that works: on Linux, with the optional package
   * `koffi` installed, once a test at its first use has passed, which takes some 20 ms; not in threads of the program. `false`: one by one.
   */
  readonly native?: "auto" | false;
}

/**
 * Sends OSC packets to one host and port over UDP, and receives what is sent back to its socket. OSC 1.0, "OSC Packets".
 *
 * A host name is looked up when the socket is opened.
 *
 * @example
 * await using client = new UDPClient("127.0.0.1", 9000);
 * await client.send(new OscMessage("/mixer/gain", 0.5));
 */
export class UDPClient extends PacketClient {
  readonly #target: string;
  readonly #keeper: LinkKeeper;

  /**
   * @param host a name or an IP address
   * @param port 1 to 65535
   * @throws OscServerError `OSC_OPTION` for a host, a port or an option that cannot be
   */
  constructor(host: string, port: number, options: UDPClientOptions = {}) {
    const spec = udpLinkSpec(host, port, options);
    const target = formatTarget(host, port);
    let keeper!: LinkKeeper;
    super(
      target,
      (events) => new UdpLink(spec, events),
      options,
      (createLink, events) => (keeper = new LinkKeeper(createLink, events)),
    );
    this.#target = target;
    this.#keeper = keeper;
  }

  /**
   * Sends many messages and bundles, or the bytes of such, at once, in their order; each is a datagram of its own. With native sockets (option
   * `native`) several go out by one call of the system, which takes a fraction of the time that as many calls of {@link send} take.
   *
   * Resolves when the system has taken all of them. One that cannot be sent does not keep the others from being sent. All are encoded before
   * the first is sent: where one is no packet, nothing is sent. Bytes must not change until the promise resolves. It need not be awaited;
   * see {@link send}.
   *
   * @throws (rejects) OscBatchError once all have been tried, with the place of each that could not be sent and why (`EMSGSIZE`, `ENOBUFS`
   * and so on); OscEncodeError for what is no packet
   *
   * @example
   * await client.sendBatch([new OscMessage("/synth/freq", 440), new OscMessage("/synth/gain", 0.5)]);
   */
  sendBatch(packets: readonly (OscPacket | Uint8Array)[]): Promise<void> {
    return this.sendOwnWay((done, count) => {
      const all = packets.map((packet) => (packet instanceof Uint8Array ? packet : this.encode(packet)));
      const outcome = new BatchOutcome(all.length, this.#target, done);
      this.#keeper.sendBatch(all, (index, error) => {
        count(error);
        outcome.ended(index, error);
      });
    });
  }
}

/**
 * {@link UDPClient} with the packets made for you.
 *
 * @example
 * await using client = new SimpleUDPClient("127.0.0.1", 9000);
 * await client.sendMessage("/mixer/gain", [1, 0.5]);
 * await client.sendBundle([new OscMessage("/note", 60)], TimeTag.in(100));
 */
export class SimpleUDPClient extends UDPClient {
  /**
   * Sends a message. The promise need not be awaited; see {@link UDPClient.send}.
   *
   * @param address begins with `/`
   * @param value one argument or an array of arguments, each plain or with its type (`int(1)`, `float(1)`). Default: none
   * @param types the type tag string without its comma. Default: as inferred
   * @throws (rejects) OscEncodeError where the message cannot be one; otherwise as {@link UDPClient.send}
   */
  sendMessage(address: string, value: OscArgument = [], types?: string): Promise<void> {
    return this.sendMade(() => new OscMessage(address, value, types));
  }

  /**
   * Sends a bundle. The promise need not be awaited; see {@link UDPClient.send}.
   *
   * @param elements messages and bundles
   * @param timeTag when they take effect. Default: at once
   * @throws (rejects) OscEncodeError where the bundle cannot be one; otherwise as {@link UDPClient.send}
   */
  sendBundle(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag): Promise<void> {
    return this.sendMade(() => new OscBundle(elements, timeTag));
  }
}

function udpLinkSpec(host: string, port: number, options: UDPClientOptions): UdpLinkSpec {
  checkTarget(host, port);
  const { localAddress = null, family = 0, connected = false } = options;
  const localPort = wholeNumber("localPort", options.localPort, 0, 0);
  if (localPort > 65_535) throw optionError(`localPort is 0 (the system chooses) to 65535; got ${localPort}.`);
  if (family !== 0 && family !== 4 && family !== 6) throw optionError(`family is 4, 6 or 0 for either; got ${show(family)}.`);
  if (localAddress !== null && isIP(localAddress) === 0) {
    throw optionError(`localAddress is an IP address of this machine; got ${show(localAddress)}.`);
  }
  const versions = new Set([isIP(host), family, isIP(localAddress ?? "")].filter((version) => version !== 0));
  if (versions.size > 1) throw optionError(`The host (${host}), family and localAddress must be of one IP version: all IPv4, or all IPv6.`);
  const [version = 0] = versions as Set<0 | 4 | 6>;
  const native: unknown = options.native ?? "auto";
  if (native !== "auto" && native !== false) throw optionError(`native is "auto" or false; got ${show(native)}.`);
  const receiver = options.for === undefined ? null : profileOf(options.for);
  return { host, port, family: version, localAddress, localPort, connected, native, receiver, options: udpOptionsOf(options) };
}
