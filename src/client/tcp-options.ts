import { checkMaxPacketSize } from "../framing/frame-decoder.ts";
import type { Framing } from "../framing/index.ts";
import { type ConnectionOptions, connectTimeoutOf } from "./connection-options.ts";
import { type PacketClientSettings, checkTarget, formatTarget, optionError, show } from "./options.ts";
import type { TcpLinkSpec } from "./tcp-link.ts";

/** Options of the TCP clients. */
export interface TCPClientOptions extends ConnectionOptions {
  /** How packets lie in the stream, both ways: `"1.0"` each after its size, `"1.1"` SLIP. Default `"1.1"`. */
  readonly framing?: Framing;
  /** Another name of `framing`, as python-osc has it. Default: as that. */
  readonly mode?: Framing;
  /** Send small packets at once (TCP_NODELAY), instead of waiting until the ones before them have arrived. Default true. */
  readonly noDelay?: boolean;
  /** Have the system ask a server that is silent for a minute whether it is still there. Default true. */
  readonly keepAlive?: boolean;
}

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

/** The arguments of a client, told apart. */
export function readArguments<Options extends object>(
  args: TCPClientArguments<Options>,
): { readonly place: { readonly host: string; readonly port: number; readonly path: string | null }; readonly options: Partial<Options> } {
  const [first, second, third] = args;
  if (typeof first === "object" && first !== null) {
    const { path } = first;
    if (typeof path !== "string" || path === "")
      throw optionError(`path is the path of a Unix domain socket, such as "/run/osc.sock"; got ${show(path)}.`);
    return { place: { host: "", port: 0, path }, options: (second as Options | undefined) ?? {} };
  }
  checkTarget(first, second as number);
  return { place: { host: first, port: second as number, path: null }, options: third ?? {} };
}

/** @throws OscServerError `OSC_OPTION` for a value that an option cannot have */
export function tcpLinkSpec(
  { host, port, path }: { readonly host: string; readonly port: number; readonly path: string | null },
  options: TCPClientOptions,
  { decode }: PacketClientSettings,
): TcpLinkSpec {
  return {
    host,
    port,
    path,
    target: path ?? formatTarget(host, port),
    framing: framingOf(options),
    maxPacketSize: checkMaxPacketSize(decode.maxPacketSize),
    connectTimeout: connectTimeoutOf(options),
    noDelay: options.noDelay ?? true,
    keepAlive: options.keepAlive ?? true,
  };
}

function framingOf({ framing, mode }: TCPClientOptions): Framing {
  if (framing !== undefined && mode !== undefined && framing !== mode) {
    throw optionError(`mode is another name of framing: give one of them, not ${show(mode)} and ${show(framing)}.`);
  }
  const value: unknown = framing ?? mode ?? "1.1";
  if (value === "1.0" || value === "1.1") return value;
  throw optionError(`framing is "1.0" or "1.1"; got ${show(value)}.`);
}
