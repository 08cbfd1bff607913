import type { Msg } from "@nats-io/transport-node";

/** A message that came. */
export interface NatsMessage {
  /** The subject that it was published under. */
  readonly subject: string;
  /** The bytes are the receiver's to keep. */
  readonly data: Uint8Array;
  /** Where an answer is expected; empty where none is. */
  readonly reply: string;
  /** What NATS itself says in place of a message, such as 503: nobody listens there. 0 for a message. */
  readonly status: number;
  /** The header of that name; empty where there is none. */
  header(name: string): string;
}

/** As NATS's own client has it. */
export class ReceivedMessage implements NatsMessage {
  readonly #message: Msg;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get reply(): string {
    return this.#message.reply ?? "";
  }

  get status(): number {
    return this.#message.headers?.code ?? 0;
  }

  header(name: string): string {
    return this.#message.headers?.get(name) ?? "";
  }
}
