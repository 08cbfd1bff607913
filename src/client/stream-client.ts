import type { Framing } from "../framing/index.ts";
import { boolean, integer, oneOf, readOptions, text } from "../options.ts";
import { type StreamSource, checkSource, isReopenable } from "../framing/byte-stream.ts";
import { ConnectionClient } from "./connection-client.ts";
import { closedError } from "./link.ts";
import { type Checks, CONNECTION_CHECKS, type ConnectionClientSettings, type ConnectionOptions, framedPacketSize } from "./options.ts";
import { StreamLink } from "./stream-link.ts";

/** Options of a {@link StreamClient}. */
export interface StreamClientOptions extends ConnectionOptions {
  /**
   * How packets lie in the stream: `"1.1"` SLIP, `"1.0"` each after its size, `"auto"` as what arrives shows, and SLIP until then, `"none"` without
   * any mark: what is read at once is taken for one packet, a guess. Default `"1.1"`.
   */
  readonly framing?: Framing | "auto";
  /**
   * Whether the other side may be sending already when the stream opens, as a board does. With SLIP, what comes before the first END is then
   * skipped and reported once. Default true.
   */
  readonly midStream?: boolean;
  /** The speed of a Web Serial port that isn't open yet, in bits per second. Default 115,200. */
  readonly baudRate?: number;
  /** What the stream is called in error messages, and as the sender of what arrives. Default `"stream"`. */
  readonly name?: string;
}

interface StreamClientSettings
  extends ConnectionClientSettings, Required<Pick<StreamClientOptions, "framing" | "midStream" | "baudRate" | "name">> {}

const STREAM_CHECKS: Checks<StreamClientSettings> = /* @__PURE__ */ (() => ({
  ...CONNECTION_CHECKS,
  maxPacketSize: framedPacketSize,
  framing: oneOf(["1.0", "1.1", "auto", "none"], "1.1"),
  midStream: boolean(true),
  baudRate: integer(1, 115_200),
  name: text("stream"),
}))();

/**
 * Sends and receives OSC packets over any stream of bytes: a serial port, a process, an SSH channel. In Node over a `Duplex`, there and in browsers
 * over a pair of web streams or a Web Serial port.
 *
 * A stream can be used once: when it ends, so does every wait for messages. Give a function that opens one, or a Web Serial port, and the client
 * opens it again by the option `reconnect`, as a `TCPClient` connects again.
 *
 * @example
 * import type { WebSerialPort } from "oscine/browser";
 *
 * declare const port: WebSerialPort; // await navigator.serial.requestPort()
 * const client = new StreamClient(port, { baudRate: 115_200, name: "the board" });
 * client.dispatcher.map("/sensor/*", (address, value) => console.log(address, value));
 * void client.handleMessages();
 * await client.sendMessage("/led", true);
 */
export class StreamClient extends ConnectionClient {
  /**
   * @param source a stream, or a function that opens one
   * @throws OscServerError `OSC_OPTION` if it isn't a stream, or for an invalid option
   */
  constructor(source: StreamSource, options: StreamClientOptions = {}) {
    checkSource(source);
    const { baudRate, name, framing, midStream, ...settings } = readOptions("StreamClient", options, STREAM_CHECKS);
    const { maxPacketSize, connectTimeout } = settings;
    const reconnect = isReopenable(source) ? settings.reconnect : null;
    const spec = {
      source: isReopenable(source) ? source : once(source, name),
      name,
      framing,
      midStream,
      baudRate,
      maxPacketSize,
      connectTimeout,
    };
    super(name, (events) => new StreamLink(spec, events), { ...settings, reconnect });
  }
}

/** A stream that can't be opened again. */
function once(source: StreamSource, name: string): StreamSource {
  let isUsed = false;
  return () => {
    if (isUsed) {
      const message = `The stream "${name}" was used before, and has ended: give StreamClient a function that opens another one.`;
      throw closedError(message);
    }
    isUsed = true;
    return source as Exclude<StreamSource, () => unknown>;
  };
}
