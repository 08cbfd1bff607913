import { optionError } from "../options.ts";
import type { StreamSource } from "../framing/byte-stream.ts";
import { DEFAULT_BAUD_RATE, openSerialPort } from "../transport/serial.ts";
import { type OscUrl, parseOscUrl } from "../url/osc-url.ts";
import { StreamClient as AnyStreamClient, type StreamClientOptions } from "./stream-client.ts";

/**
 * Sends and receives OSC packets over any stream of bytes: a serial port, a process's pipes, an SSH channel. In Node over a `Duplex`, there and in
 * browsers over a pair of web streams or a Web Serial port.
 *
 * A stream can be used once: when it ends, so does every wait for messages. Give the URL of a serial port, a function that opens a stream, or a Web
 * Serial port, and the client opens it again by the option `reconnect`, as a `TCPClient` connects again.
 *
 * @example
 * await using client = new StreamClient("osc.serial:///dev/ttyACM0?baud=115200");
 * client.dispatcher.map("/sensor/*", (address, value) => console.log(address, value));
 * await client.sendMessage("/led", true);
 * await client.handleMessages();
 */
export class StreamClient extends AnyStreamClient {
  /**
   * @param source a stream; a function that opens one; or the URL of a serial port, which needs the package `serialport`
   * @throws OscServerError `OSC_OPTION` if it isn't any of these, or for an invalid option
   */
  constructor(source: StreamSource | string, options: StreamClientOptions = {}) {
    if (typeof source === "string") super(...serialArguments(source, options));
    else super(source, options);
  }
}

function serialArguments(source: string, options: StreamClientOptions): [StreamSource, StreamClientOptions] {
  const url = parseOscUrl(source);
  if (url.transport !== "serial")
    throw optionError(`StreamClient takes the URL of a serial port, as osc.serial:///dev/ttyACM0; got "${source}".`);
  const { framing, path } = url;
  return [serialSource(url), { ...(path === null ? {} : { name: path }), ...(framing === null ? {} : { framing }), ...options }];
}

/** Opens the serial port of a URL, again and again. */
export function serialSource({ path, baud }: OscUrl): StreamSource {
  return () => openSerialPort(path ?? "", baud ?? DEFAULT_BAUD_RATE);
}
