import type { Framing } from "../framing/index.ts";
import { formatHostPort } from "../net-address.ts";
import { bad, boolean, oneOf, type OptionChecks, optionError, readOptions } from "../options.ts";
import { ConnectionClient } from "./connection-client.ts";
import { CONNECTION_CHECKS, type ConnectionOptions, checkTarget, framedPacketSize } from "./options.ts";
import { TcpLink } from "./tcp-link.ts";

/** Options of the TCP clients. */
export interface TCPClientOptions extends ConnectionOptions {
  /**
   * How packets lie in the stream, both ways: `"1.0"` each after its size, `"1.1"` SLIP, `"none"` without any mark: what is read at once is taken for
   * one packet, a guess. Default `"1.1"`.
   */
  readonly framing?: Framing;
  /** Another name of `framing`, as in python-osc. */
  readonly mode?: Framing;
  /** Sends small packets at once (TCP_NODELAY), instead of waiting until the ones before them have arrived. Default true. */
  readonly noDelay?: boolean;
  /** Has the system probe a server that is silent for a minute. Default true. */
  readonly keepAlive?: boolean;
}

/** Options of a {@link TCPDispatchClient}. */
export type TCPDispatchClientOptions = TCPClientOptions;

/** The server: a host and a port, or the path of a Unix domain socket (on Windows, of a named pipe); and then the options. */
export type TCPClientArguments<Options> =
  | [host: string, port: number, options?: Options]
  | [
      place: {
        /** The path of a Unix domain socket, such as `"/run/osc.sock"`. */
        readonly path: string;
      },
      options?: Options,
    ];

const TCP_CHECKS = {
  framing: oneOf(["1.0", "1.1", "none"], undefined),
  ...CONNECTION_CHECKS,
  maxPacketSize: framedPacketSize,
  mode: oneOf(["1.0", "1.1", "none"], undefined),
  noDelay: boolean(true),
  keepAlive: boolean(true),
} satisfies Readonly<Record<keyof OptionChecks<TCPClientOptions>, unknown>>;

/**
 * Sends OSC packets to a server over TCP or a Unix domain socket, and receives what it sends back. OSC 1.0 "OSC Packets", OSC 1.1 section 2.1.
 *
 * It connects at its first use or by `connect()`, and reconnects when the connection breaks. Packets wait meanwhile, within limits. The
 * promise of a packet is rejected if the connection broke while it was being sent, so that nobody knows whether it arrived
 * (`stats().inDoubt`). A packet that the system has taken may still be lost with the connection, and TCP doesn't tell: use `request()` if
 * that matters.
 *
 * @example
 * await using client = new TCPClient("127.0.0.1", 9000, { framing: "1.0" });
 * await client.sendMessage("/mixer/gain", [1, 0.5]);
 */
export class TCPClient extends ConnectionClient {
  /**
   * @param where a host (a name or an IP address) and a port from 1 to 65535, or `{ path }` of a Unix domain socket; then the options
   * @throws OscServerError `OSC_OPTION` for an invalid host, port, path or option
   */
  constructor(...where: TCPClientArguments<TCPClientOptions>) {
    const { host, port, path, options } = readArguments(where);
    const settings = readOptions("TCPClient", options, TCP_CHECKS);
    const { framing, mode, noDelay, keepAlive, connectTimeout } = settings;
    if (framing !== undefined && mode !== undefined && framing !== mode) {
      throw optionError(`mode is another name of framing: give one of them, not "${mode}" and "${framing}".`);
    }
    const spec = {
      host,
      port,
      path,
      target: path ?? formatHostPort(host, port),
      framing: framing ?? mode ?? "1.1",
      maxPacketSize: settings.maxPacketSize,
      connectTimeout,
      noDelay,
      keepAlive,
    };
    super(spec.target, (events) => new TcpLink(spec, events), settings);
  }
}

/**
 * {@link TCPClient} under the name that python-osc uses.
 *
 * @example
 * await using client = new SimpleTCPClient("127.0.0.1", 9000, { framing: "1.0" });
 * await client.sendMessage("/mixer/gain", [1, 0.5]);
 */
export class SimpleTCPClient extends TCPClient {}

/**
 * {@link TCPClient} under the name that python-osc uses for one with handlers.
 *
 * @example
 * const client = new TCPDispatchClient("127.0.0.1", 9000);
 * client.dispatcher.map("/gain", (address, gain) => console.log(address, gain));
 * await client.sendMessage("/gain/get");
 * await client.handleMessages({ timeout: 500 });
 */
export class TCPDispatchClient extends SimpleTCPClient {}

interface Arguments {
  readonly host: string;
  readonly port: number;
  readonly path: string | null;
  readonly options: unknown;
}

/** The arguments of a client, in either form. */
function readArguments([first, second, third]: readonly unknown[]): Arguments {
  if (typeof first === "object" && first !== null && "path" in first) {
    const { path } = first;
    if (typeof path !== "string" || path === "") {
      throw bad("path", 'the path of a Unix domain socket, such as "/run/osc.sock"', path);
    }
    return { host: "", port: 0, path, options: second };
  }
  return { ...checkTarget("TCPClient", first, second), path: null, options: third };
}
