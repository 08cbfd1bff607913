import { HANDLED, dropped } from "../packet-result.ts";
import { type OscError, OscNatsError } from "../errors.ts";
import type { ExecutorEvents, Packet } from "../server/executor.ts";
import type { NatsLink } from "./nats-link.ts";
import type { NatsMessage } from "./nats-message.ts";
import type { Outgoing, Outlet } from "./outlet.ts";

/** What NATS answers where nobody listens. */
const NO_RESPONDERS = 503;

/**
 * At most once: a packet is handled, as far as the front end is concerned, when it was published, the server of NATS has confirmed that, and somebody
 * listened. It is never published twice.
 */
export class CoreOutlet implements Outlet {
  readonly #link: NatsLink;
  readonly #events: ExecutorEvents;
  readonly #answerSubject: (number: number) => string;
  readonly #out = new Map<number, Packet>();
  #next = 0;

  constructor(link: NatsLink, events: ExecutorEvents, answerSubject: (number: number) => string) {
    this.#link = link;
    this.#events = events;
    this.#answerSubject = answerSubject;
  }

  get size(): number {
    return this.#out.size;
  }

  hasRoom(size: number): boolean {
    return this.#link.hasRoom(size);
  }

  offer({ packet, subject, headers }: Outgoing): boolean {
    const number = this.#next;
    // NATS answers before it confirms, and only where nobody listens.
    const taken = this.#link.publish(subject, packet.data, headers, this.#answerSubject(number), (ok) => {
      if (!this.#out.delete(number)) return;
      if (ok) this.#events.end(packet, HANDLED);
      else this.#events.end(packet, dropped(lostOnTheWay(this.#link.server)));
    });
    if (!taken) return false;
    this.#next += 1;
    this.#out.set(number, packet);
    return true;
  }

  answered(number: number, { status }: NatsMessage): void {
    const packet = this.#out.get(number);
    if (packet === undefined || status !== NO_RESPONDERS) return;
    this.#out.delete(number);
    this.#events.end(packet, dropped(nobodyListens(this.#link.server)));
  }

  reconnected(): void {}

  close(): void {
    const left = [...this.#out.values()];
    this.#out.clear();
    for (const packet of left) this.#events.end(packet, dropped(lostOnTheWay(this.#link.server)));
  }
}

function lostOnTheWay(server: string): OscError {
  return new OscNatsError(
    "OSC_NATS_DISCONNECTED",
    `A packet may be lost, for the connection to NATS at ${server} broke before it was confirmed. With delivery "at-least-once" it would be published again.`,
    server,
  );
}

function nobodyListens(server: string): OscError {
  return new OscNatsError(
    "OSC_NATS_NO_WORKER",
    `A packet was dropped, for no worker listens at NATS (${server}): start one with the same prefix, order and partitions, or use delivery "at-least-once".`,
    server,
  );
}
