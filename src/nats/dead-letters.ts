import { OscNatsError } from "../errors.ts";
import type { NatsLink } from "./nats-link.ts";
import type { NatsMessage } from "./nats-message.ts";
import { CLIENT_HEADER, DELIVERIES_HEADER, REASON_HEADER, TRANSPORT_HEADER, VIA_HEADER } from "./packet-headers.ts";
import { deadPrefix } from "./subject.ts";

const TIMEOUT_MS = 5000;
const KEPT = [CLIENT_HEADER, TRANSPORT_HEADER, VIA_HEADER];

/** Where packets go that nobody could handle: a stream of their own, under subjects like theirs. */
export class DeadLetters {
  readonly #link: NatsLink;
  readonly #prefix: string;

  constructor(link: NatsLink, prefix: string) {
    this.#link = link;
    this.#prefix = prefix;
  }

  /** `osc_dead.mixer.gain` for `osc.mixer.gain`. */
  subjectOf({ subject }: NatsMessage): string {
    return `${deadPrefix(this.#prefix)}${subject.slice(this.#prefix.length)}`;
  }

  /**
   * Puts a packet there, byte for byte, and waits until it is kept.
   *
   * @throws OscNatsError where it is not
   */
  async put(message: NatsMessage, reason: string, deliveries: number): Promise<void> {
    const kept = KEPT.map((name) => [name, message.header(name)] as const).filter(([, value]) => value !== "");
    const headers = { ...Object.fromEntries(kept), [REASON_HEADER]: reason, [DELIVERIES_HEADER]: String(deliveries) };
    const answer = await this.#link.request(this.subjectOf(message), message.data, headers, TIMEOUT_MS);
    const { stream } = JSON.parse(new TextDecoder().decode(answer.data)) as { stream?: string };
    if (stream === undefined) {
      throw new OscNatsError("OSC_NATS_JETSTREAM", "A dead letter could not be kept: is there room in its stream?", this.#link.server);
    }
  }
}
