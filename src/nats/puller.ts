import type { NatsLink, NatsListener } from "./nats-link.ts";
import type { NatsMessage } from "./nats-message.ts";

/** How long that answer may be late. */
const PATIENCE_MS = 2000;
const NANOS_PER_MS = 1_000_000;
/** How often a consumer that does not answer is asked for again. */
const RECOVER_MS = 500;
const HEARTBEAT = 100;
const NO_RESPONDERS = 503;
const DELETED = 409;

export interface PullerOptions {
  readonly link: NatsLink;
  /** Where packets are asked for. */
  readonly nextSubject: string;
  /** Where they are to be sent. */
  readonly inbox: string;
  /** How many may be out at a time. */
  readonly most: number;
  /** After how many milliseconds a request for packets is to be answered, if only by saying that there were none. */
  readonly expires: number;
  onMessage(message: NatsMessage): void;
  /** The consumer does not answer. Makes it again where it is gone. Never rejects. */
  recover(): Promise<void>;
}

/** Asks one consumer of a stream for packets: for as many as there is room for, and for more when some are done with. */
export class Puller {
  readonly #options: PullerOptions;
  #listener: NatsListener | null = null;
  /** Asked for and not come. */
  #wanted = 0;
  /** Come and not done with. */
  #held = 0;
  #heardAt = 0;
  #watch: NodeJS.Timeout | null = null;
  #recovering: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: PullerOptions) {
    this.#options = options;
  }

  open(): void {
    const { link, inbox } = this.#options;
    this.#listener = link.subscribe(inbox, null, (message) => this.#take(message));
    this.#watch = setInterval(() => this.#lookAfter(), 1000);
    this.#pull();
  }

  /** One that came is done with. */
  done(): void {
    this.#held -= 1;
    this.#pull();
  }

  /** What was asked for by the connection before is not to be waited for. */
  restart(): void {
    this.#wanted = 0;
    this.#pull();
  }

  /** Asks for nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    if (this.#recovering !== null) clearTimeout(this.#recovering);
    await this.#listener?.drain().catch(() => undefined);
  }

  #take(message: NatsMessage): void {
    this.#heardAt = performance.now();
    if (message.status === 0) {
      this.#wanted = Math.max(0, this.#wanted - 1);
      this.#held += 1;
      this.#options.onMessage(message);
      return;
    }
    if (message.status === HEARTBEAT) return;
    const left = message.header("Nats-Pending-Messages");
    this.#wanted = left === "" ? 0 : Math.max(0, this.#wanted - Number(left));
    if (message.status === NO_RESPONDERS || message.status === DELETED) this.#recoverSoon();
    else this.#pull();
  }

  #pull(): void {
    const { link, nextSubject, inbox, most, expires } = this.#options;
    const room = most - this.#held - this.#wanted;
    // Asking is a message, too: for a few at a time, or where nothing else would come.
    if (this.#stopped || this.#recovering !== null || room < 1 || (this.#wanted > 0 && room * 4 < most)) return;
    const request = JSON.stringify({ batch: room, expires: expires * NANOS_PER_MS });
    if (!link.publish(nextSubject, new TextEncoder().encode(request), {}, inbox)) return;
    this.#wanted += room;
    this.#heardAt = performance.now();
  }

  #recoverSoon(): void {
    if (this.#stopped) return;
    this.#recovering ??= setTimeout(() => {
      void this.#options.recover().then(() => {
        this.#recovering = null;
        this.restart();
      });
    }, RECOVER_MS);
  }

  #lookAfter(): void {
    if (this.#wanted > 0 && performance.now() - this.#heardAt > this.#options.expires + PATIENCE_MS) this.#recoverSoon();
    else this.#pull();
  }
}
