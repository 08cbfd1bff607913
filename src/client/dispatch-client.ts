import { Dispatcher } from "../dispatch/index.ts";
import { dispatchMessages } from "./dispatch-messages.ts";
import type { ReceiveOptions } from "./options.ts";
import { SimpleUDPClient, type UDPClientOptions } from "./udp-client.ts";

/** As long as python-osc waits. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** Options of a {@link DispatchClient}. */
export interface DispatchClientOptions extends UDPClientOptions {
  /** The handlers. Default: a dispatcher of its own, without any. */
  readonly dispatcher?: Dispatcher;
}

/**
 * {@link SimpleUDPClient} with handlers for what is sent back.
 *
 * @example
 * const client = new DispatchClient("127.0.0.1", 9000);
 * client.dispatcher.map("/gain", (address, gain) => console.log(address, gain));
 * await client.sendMessage("/gain/get");
 * await client.handleMessages({ timeout: 500 });
 */
export class DispatchClient extends SimpleUDPClient {
  /** The handlers of what is sent back. */
  readonly dispatcher: Dispatcher;

  /**
   * @param host a name or an IP address
   * @param port 1 to 65535
   * @throws OscServerError `OSC_OPTION` for a host, a port or an option that cannot be
   */
  constructor(host: string, port: number, options: DispatchClientOptions = {}) {
    super(host, port, options);
    this.dispatcher = options.dispatcher ?? new Dispatcher();
  }

  /**
   * Calls the handlers of the messages that have arrived and that arrive, one message after another. Promises that handlers return are
   * awaited; what handlers answer is sent to whoever sent the message. A handler that throws goes to `onError`, and the others still run.
   * Time tags are not waited for.
   *
   * Ends after `timeout` milliseconds without a message, when `signal` is aborted, when the client is closed, and when a handler calls
   * `shutdown()`.
   *
   * @param options `timeout`: default 30,000; with 0 only what has arrived is handled
   * @returns how many messages were handled
   * @throws (rejects) as {@link messages}
   */
  async handleMessages({ timeout = DEFAULT_TIMEOUT_MS, ...rest }: ReceiveOptions = {}): Promise<number> {
    return dispatchMessages(this.receive({ timeout, ...rest }), this.dispatcher, {
      answer: (packet, to) => this.answer(packet, to),
      report: (error, from) => this.report(error, from),
    });
  }
}
