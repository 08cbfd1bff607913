import type { Dispatcher } from "../dispatch/index.ts";
import { checkSource, type StreamSource } from "../framing/byte-stream.ts";
import { type StreamOptions, type StreamSpec, StreamTransport, streamOptionsOf } from "../transport/stream.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { checkArguments } from "./check-arguments.ts";
import { type ServerOptions, limitsOf } from "./options.ts";

/** Options of {@link AsyncOSCStreamServer}. */
export interface AsyncStreamServerOptions extends AsyncServerOptions, StreamOptions {}

/**
 * Receives OSC over any byte stream and handles it in the event loop: a Node `Duplex` such as a serial port or a process's pipes, or a
 * pair of web streams. The other end of the stream is the only client; limits, counters and errors are those of
 * {@link AsyncOSCTCPServer}.
 *
 * Pass a function that opens a stream to have the server reopen it when it ends, for example when a device was unplugged.
 *
 * ```ts
 * import { connect } from "node:net";
 *
 * const server = new AsyncOSCStreamServer(() => connect("/run/board.sock"), dispatcher, { name: "the board" });
 * const [transport] = await server.createServeEndpoint();
 * // … your program …
 * await transport.close();
 * ```
 */
export class AsyncOSCStreamServer extends AsyncServer {
  /**
   * @param source a stream, or a function that opens one
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value
   */
  constructor(source: StreamSource, dispatcher: Dispatcher, options: AsyncStreamServerOptions = {}) {
    checkArguments("Async", "Stream", source, dispatcher, options);
    checkSource(source);
    const spec = streamSpec(source, options);
    const address = { address: spec.options.name, port: 0, family: "unix" } as const;
    super({ transport: "custom", address, create: (events) => new StreamTransport(spec, events) }, dispatcher, options);
  }
}

/** @throws OscServerError `OSC_OPTION` if an option has a bad value */
export function streamSpec(source: StreamSource, options: ServerOptions & StreamOptions): StreamSpec {
  const { maxPacketSize, maxQueue, maxQueueBytes } = limitsOf(options);
  return { source, options: streamOptionsOf(options), maxPacketSize, maxPackets: maxQueue, maxBytes: maxQueueBytes };
}
