import { OscDispatchError, type OscError } from "../errors.ts";
import type { PacketSink } from "./handle.ts";

/** What a packet gives back while a blocked thread handles it, and not later: then others are handled. */
export class SyncReplyContext implements PacketSink {
  isOver = false;
  readonly #send: (data: Uint8Array) => void;
  readonly report: (error: OscError) => void;

  constructor(send: (data: Uint8Array) => void, report: (error: OscError) => void) {
    this.#send = send;
    this.report = report;
  }

  reply(data: Uint8Array): void {
    if (this.isOver) {
      throw new OscDispatchError(
        "OSC_BAD_REPLY",
        "A blocking server takes replies only until the handler has returned: reply there, or use an async server.",
        "",
      );
    }
    this.#send(data);
  }
}
