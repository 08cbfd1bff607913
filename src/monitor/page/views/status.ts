import type { Hello, Status } from "../../protocol.ts";
import { byId, element, setText } from "../dom.ts";

/** The numbers that the page shows. */
export interface Figures {
  readonly messagesPerSecond: number;
  readonly messages: number;
  readonly badPackets: number;
  /** Entries received by the page. */
  readonly received: number;
  /** Entries that the monitor dropped for this page. */
  readonly dropped: number;
  /** Entries that the page keeps. */
  readonly kept: number;
  /** Entries that the page no longer keeps. */
  readonly gone: number;
}

/** Shows the connection, the listening URLs and all counters. */
export class StatusPanel {
  readonly #connection = byId("connection", HTMLSpanElement);
  readonly #listening = byId("listening", HTMLSpanElement);
  readonly #command = byId("empty-command", HTMLElement);
  readonly #rate = byId("figure-rate", HTMLElement);
  readonly #messages = byId("figure-messages", HTMLElement);
  readonly #bad = byId("figure-bad", HTMLElement);
  readonly #lost = byId("figure-lost", HTMLElement);
  readonly #counters = byId("counters", HTMLDListElement);
  readonly #shown = new Map<string, HTMLElement>();
  #status: Status | null = null;

  /** @param state a class of the style sheet */
  connection(state: "connecting" | "open" | "lost" | "paused", text: string): void {
    this.#connection.className = `pill ${state}`;
    setText(this.#connection, text);
  }

  hello({ listening, target }: Hello): void {
    setText(this.#listening, listening.join("  "));
    const isQuery = target.startsWith("http");
    setText(this.#command, isQuery ? `oscine query ${target} ADDRESS --set VALUE` : `oscine send ${target} /hello 1 2.5 text`);
  }

  status(status: Status): void {
    this.#status = status;
  }

  draw(figures: Figures): void {
    const counters = this.#status?.counters ?? {};
    const lost = figures.dropped + (counters["dropped"] ?? 0);
    const { messagesPerSecond: rate } = figures;
    setText(this.#rate, rate < 10 && rate > 0 ? rate.toFixed(1) : count(Math.round(rate)));
    setText(this.#messages, count(figures.messages));
    setText(this.#bad, count(figures.badPackets));
    setText(this.#lost, count(lost));
    this.#bad.classList.toggle("alarm", figures.badPackets > 0);
    this.#lost.classList.toggle("alarm", lost > 0);
    this.#show("received", figures.received);
    this.#show("lost in transit", figures.dropped);
    this.#show("kept", figures.kept);
    this.#showIfAny("discarded", figures.gone);
    if (this.#status !== null) {
      this.#show("open pages", this.#status.pages);
      this.#showIfAny("invalid commands", this.#status.ignoredFrames);
      this.#showIfAny("connections closed without a token", this.#status.evicted);
    }
    for (const [name, value] of Object.entries(counters)) this.#show(`server: ${name}`, value);
  }

  /** Shows a counter that is usually 0. */
  #showIfAny(name: string, value: number): void {
    if (value > 0) this.#show(name, value);
  }

  #show(name: string, value: number): void {
    let shown = this.#shown.get(name);
    if (shown === undefined) {
      shown = element("dd", {}, "");
      this.#shown.set(name, shown);
      this.#counters.append(element("div", { "data-counter": name }, element("dt", {}, name), shown));
    }
    setText(shown, count(value));
  }
}

const numbers = new Intl.NumberFormat("en");

function count(value: number): string {
  return numbers.format(value);
}
