import { decodeOrFault } from "../../../codec/decode.ts";
import { type OscPacket, encode } from "../../../codec/index.ts";
import { OscDecodeError, OscEncodeError } from "../../../errors.ts";
import { escapeForTerminal } from "../../../text/escape.ts";
import { flatten, formatMessage } from "../../../text/format.ts";
import { readLine } from "../../../text/arguments.ts";
import { timeOfDay } from "../../../text/values.ts";
import { UsageError } from "../../../text/usage-error.ts";
import type { FeedEvent, SendCommand } from "../../protocol.ts";
import { byId, element, setText } from "../dom.ts";
import { SendHistory } from "../store.ts";

const MAX_LOG_LINES = 200;
const STORED_LINES = "oscine.sent";

/** The send form with a log of results and replies. */
export class SendPanel {
  readonly #send: (command: SendCommand) => boolean;
  readonly #form = byId("send-form", HTMLFormElement);
  readonly #target = byId("send-target", HTMLInputElement);
  readonly #line = byId("send-line", HTMLInputElement);
  readonly #preview = byId("send-preview", HTMLParagraphElement);
  readonly #suggestions = byId("send-history", HTMLDataListElement);
  readonly #log = byId("send-log", HTMLOListElement);
  readonly #history = new SendHistory(readStored());
  #id = 0;

  /** @param send returns false if there is no connection */
  constructor(send: (command: SendCommand) => boolean) {
    this.#send = send;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#line.addEventListener("input", () => this.#check());
    this.#line.addEventListener("keydown", (event) => this.#recall(event));
    this.#suggest();
  }

  /** Fills in the target unless the user already has. */
  suggestTarget(target: string): void {
    if (this.#target.value === "") this.#target.value = target;
  }

  focus(): void {
    this.#line.focus();
    this.#line.select();
  }

  /** Puts a message into the form. */
  fill(line: string): void {
    this.#line.value = line;
    this.#check();
    this.focus();
  }

  /** Shows the result of a command. */
  answer(event: Extract<FeedEvent, { kind: "sent" | "reply" | "failed" }>): void {
    if (event.kind === "failed") this.#write("failed", "✕", event.message);
    else if (event.kind === "sent") this.#log.querySelector(`[data-id="${event.id}"]`)?.classList.add("done");
    else {
      const packet = decodeOrFault(event.packet.bytes);
      const text = packet instanceof OscDecodeError ? packet.message : flatten(packet).map(formatMessage).join("  ");
      this.#write("reply", "←", `${event.packet.from}  ${text}`);
    }
  }

  #submit(): void {
    const packet = this.#check();
    const line = this.#line.value.trim();
    const target = this.#target.value.trim();
    if (packet === null || target === "") {
      (packet === null ? this.#line : this.#target).focus();
      return;
    }
    this.#id += 1;
    const item = this.#write("sent", "→", `${target}  ${flatten(packet).map(formatMessage).join("  ")}`);
    item.dataset["id"] = String(this.#id);
    if (!this.#send({ id: this.#id, target, packet: encode(packet) })) {
      this.#write("failed", "✕", "Not sent: the monitor is not connected.");
    }
    this.#history.add(line);
    store(this.#history.lines);
    this.#suggest();
    this.#line.select();
  }

  /** Shows how the line is understood, or what is wrong with it. */
  #check(): OscPacket | null {
    let packet: OscPacket | null = null;
    let text = "";
    try {
      packet = readLine(this.#line.value);
      if (packet !== null) text = flatten(packet).map(formatMessage).join("  ");
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof OscEncodeError)) throw error;
      text = escapeForTerminal(error.message);
    }
    const isWrong = packet === null && text !== "";
    this.#preview.classList.toggle("problem", isWrong);
    this.#line.ariaInvalid = String(isWrong);
    setText(this.#preview, text);
    return packet;
  }

  #recall(event: KeyboardEvent): void {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const line = event.key === "ArrowUp" ? this.#history.older(this.#line.value) : this.#history.newer();
    event.preventDefault();
    if (line === null) return;
    this.#line.value = line;
    this.#check();
  }

  #write(kind: "sent" | "reply" | "failed", sign: string, text: string): HTMLLIElement {
    const item = element(
      "li",
      { class: kind },
      element("time", {}, timeOfDay(Date.now())),
      element("b", {}, sign),
      element("span", {}, text),
    );
    this.#log.prepend(item);
    while (this.#log.childElementCount > MAX_LOG_LINES) this.#log.lastElementChild?.remove();
    return item;
  }

  #suggest(): void {
    this.#suggestions.replaceChildren(...this.#history.lines.toReversed().map((value) => element("option", { value })));
  }
}

function readStored(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED_LINES) ?? "[]");
    return Array.isArray(stored) ? stored.filter((line) => typeof line === "string") : [];
  } catch {
    // Storage is disabled or holds something else: start empty.
    return [];
  }
}

function store(lines: readonly string[]): void {
  try {
    localStorage.setItem(STORED_LINES, JSON.stringify(lines));
  } catch {
    // Storage is disabled or full.
  }
}
