import { OscEncodeError, type OscError } from "../errors.ts";
import type { Unsent } from "./keeper.ts";
import type { PacketLink } from "./packet-link.ts";
import { type UnsentLimits, UnsentQueue } from "./unsent-queue.ts";

/** So many bytes are given to a link before it has taken the first of them. What is behind them stays here, where it is known to be unsent. */
const IN_FLIGHT = 64 * 1024;

/** The packets of a client on their way out: those that wait, within bounds, and those that a link is sending. */
export class Outbox {
  readonly #queue: UnsentQueue;
  #link: PacketLink | null = null;
  #inFlight = 0;
  #inFlightBytes = 0;
  /** Called when there may be nothing left to send. */
  #onSettled: (() => void) | null = null;
  /** Packets that a link was sending when it broke. */
  inDoubt = 0;

  constructor(limits: UnsentLimits) {
    this.#queue = new UnsentQueue(limits);
  }

  /** How many packets wait to be sent. */
  get unsent(): number {
    return this.#queue.size;
  }

  /** How many packets were lost because too many waited. */
  get overflowed(): number {
    return this.#queue.overflowed;
  }

  /** Sends a packet over the link, or lets it wait for one, or for room. */
  send(unsent: Unsent): void {
    const link = this.#link;
    if (link !== null && this.#queue.size === 0 && this.#inFlightBytes < IN_FLIGHT) this.#transmit(link, unsent);
    else this.#queue.push(unsent);
  }

  /** Packets go over this link from now on, first those that wait. */
  connect(link: PacketLink): void {
    this.#link = link;
    this.#flush(link);
  }

  /** The link has ended; what it was sending, it tells by itself. */
  disconnect(): void {
    this.#link = null;
  }

  /** Ends the wait of all packets. */
  fail(error: OscError): void {
    this.#queue.fail(error);
    this.#onSettled?.();
  }

  /** Waits until everything has been sent, or can no longer be, but not for longer than that. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.#isSettled()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onSettled = (): void => {
        if (!this.#isSettled()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onSettled = null;
  }

  #isSettled(): boolean {
    return this.#queue.size === 0 && this.#inFlight === 0;
  }

  /** Gives packets to the link, as far as it takes them. */
  #flush(link: PacketLink): void {
    while (this.#inFlightBytes < IN_FLIGHT) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#transmit(link, next);
    }
  }

  #transmit(link: PacketLink, { packet, to, done }: Unsent): void {
    this.#inFlight += 1;
    this.#inFlightBytes += packet.length;
    link.send(packet, to, (error) => {
      this.#inFlight -= 1;
      this.#inFlightBytes -= packet.length;
      if (error !== null && !(error instanceof OscEncodeError)) this.inDoubt += 1;
      done(error);
      if (this.#link === link) this.#flush(link);
      this.#onSettled?.();
    });
  }
}
