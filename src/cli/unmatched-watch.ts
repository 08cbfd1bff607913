import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { decodeOrFault } from "../codec/decode.ts";
import type { Dispatcher } from "../dispatch/index.ts";
import { OscDecodeError } from "../errors.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { flatten } from "../text/format.ts";
import type { Session } from "./command.ts";
import { plural } from "./output.ts";

const CHANNEL = "oscine:unmatched";
const PERIOD_MS = 1000;
/** Maximum number of messages named per period. Others are only counted. */
const MAX_NAMED = 5;
const MAX_SHOWN = 200;

/**
 * Reports messages that no handler matched, with the most similar mapped address. Only async servers provide addresses: other kinds match in threads or
 * processes, which report just a count.
 */
export class UnmatchedWatch {
  readonly #session: Session;
  readonly #dispatcher: Dispatcher;
  readonly #total: () => number;
  readonly #timer: NodeJS.Timeout;
  #named = 0;
  #seen = 0;

  /** @param total returns the number of unmatched messages so far */
  constructor(session: Session, dispatcher: Dispatcher, total: () => number) {
    this.#session = session;
    this.#dispatcher = dispatcher;
    this.#total = total;
    subscribe(CHANNEL, this.#onUnmatched);
    this.#timer = setInterval(() => this.#look(), PERIOD_MS).unref();
  }

  close(): void {
    unsubscribe(CHANNEL, this.#onUnmatched);
    clearInterval(this.#timer);
    this.#look();
  }

  readonly #onUnmatched = (event: unknown): void => {
    const packet = decodeOrFault((event as { readonly data: Uint8Array }).data);
    if (packet instanceof OscDecodeError) return;
    for (const { message } of flatten(packet)) {
      if (this.#named >= MAX_NAMED) return;
      if (this.#dispatcher.match(message.address).length > 0) continue;
      this.#named += 1;
      this.#seen += 1;
      const right = this.#dispatcher.nearestAddress(message.address);
      const hint = right === undefined ? "" : ` Did you mean ${escapeForTerminal(right, MAX_SHOWN)}?`;
      this.#say(`No handler matches ${escapeForTerminal(message.address, MAX_SHOWN)}.${hint}`);
    }
  };

  #look(): void {
    const total = this.#total();
    const others = total - this.#seen;
    if (others > 0) this.#say(`No handler matched ${plural(others, this.#seen > 0 ? "other message" : "message")} (${total} in all).`);
    this.#seen = total;
    this.#named = 0;
  }

  #say(text: string): void {
    const { err } = this.#session;
    err.text(err.styled("yellow", text));
  }
}
