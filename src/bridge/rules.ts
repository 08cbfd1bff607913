import { OscServerError } from "../errors.ts";
import { describe } from "../options.ts";
import { EditableMessage } from "./message.ts";
import { aloneInBundle, editPacket } from "./packet-edit.ts";
import { mayBePattern } from "./patterns.ts";
import { RateLimit } from "./rate-limit.ts";
import { type BridgeRule, type CheckedRule, checkRule } from "./rule.ts";
import { LastArguments } from "./values.ts";

/** Events reported by rules. */
export interface RuleEvents {
  /** `only` or `drop` dropped a message, or another rule did because its address is a pattern that can't be resolved. */
  onFiltered(): void;
  /** `changes` dropped a message. */
  onUnchanged(): void;
  /** A newer message replaced one delayed by `maxRate`. */
  onReplaced(): void;
  /** A message was dropped because a rule doesn't fit its arguments. */
  onMalformed(message: string): void;
}

type Emit = (packet: Uint8Array) => void;

/** Applies one rule to a message. Returns false to drop it. */
type Step = (message: EditableMessage, context: { readonly header: Uint8Array; readonly emit: Emit }) => boolean;

/** The rules of one direction. */
export class Rules {
  readonly #steps: readonly Step[];
  readonly #limits: RateLimit[] = [];

  /**
   * @param name the option's name for error messages: `rules[2]: …`
   * @throws OscServerError `OSC_OPTION` for an invalid rule, OscDispatchError for an address that nothing can match
   */
  constructor(rules: readonly BridgeRule[], events: RuleEvents, name: string = "rules") {
    if (!Array.isArray(rules)) {
      throw new OscServerError("OSC_OPTION", `${name} must be an array such as [{ drop: "/debug/*" }]; got ${describe(rules)}.`);
    }
    const checked = rules.map((rule: unknown, index) => checkRule(rule, `${name}[${index}]`));
    // Rates come last, so delayed messages have passed all other rules.
    const last = ["changes", "rate"];
    this.#steps = checked.toSorted((a, b) => last.indexOf(a.kind) - last.indexOf(b.kind)).map((rule) => this.#stepOf(rule, events));
  }

  /**
   * Applies the rules to a packet.
   *
   * @param emit called with messages that pass later
   * @returns the part that passes now: the packet itself if no rule changed it; null if nothing passes; undefined if it isn't OSC
   */
  apply(packet: Uint8Array, emit: Emit): Uint8Array | null | undefined {
    if (this.#steps.length === 0) return packet;
    return editPacket(packet, (bytes, header) => {
      const message = new EditableMessage(bytes);
      const context = { header, emit };
      return this.#steps.every((step) => step(message, context)) ? message.toBytes() : null;
    });
  }

  /** Sends all delayed messages. */
  flush(): void {
    for (const limit of this.#limits) limit.flush();
  }

  #stepOf(rule: CheckedRule, events: RuleEvents): Step {
    switch (rule.kind) {
      case "filter":
        return ({ address }) => {
          const passes = rule.passes(address);
          if (!passes) events.onFiltered();
          return passes;
        };
      case "rename":
        return (message) => {
          message.address = rule.rename(message.address);
          return true;
        };
      case "values":
        return (message) => editValues(message, rule, events);
      case "changes":
        return changesStep(rule, events);
      case "rate":
        return this.#rateStep(rule, events);
    }
  }

  #rateStep({ maxRate, covers }: Extract<CheckedRule, { kind: "rate" }>, events: RuleEvents): Step {
    const limit = new RateLimit(maxRate, () => events.onReplaced());
    this.#limits.push(limit);
    return (message, { header, emit }) => {
      if (covers !== null && covers(message.address) !== "all") return true;
      return limit.pass(message.address, () => ({ packet: aloneInBundle(message.toBytes(), header), emit }));
    };
  }
}

function editValues(message: EditableMessage, { covers, edit }: Extract<CheckedRule, { kind: "values" }>, events: RuleEvents): boolean {
  const coverage = covers === null ? "all" : covers(message.address);
  if (coverage === "none") return true;
  if (coverage === "some") {
    events.onFiltered();
    return false;
  }
  const list = message.readArguments();
  const edited = list === null ? "its arguments can't be read" : edit(list);
  if (typeof edited !== "string") {
    message.replaceArguments(edited);
    return true;
  }
  events.onMalformed(`A message to ${message.address} was not forwarded because a rule doesn't fit it: ${edited}.`);
  return false;
}

function changesStep({ covers }: Extract<CheckedRule, { kind: "changes" }>, events: RuleEvents): Step {
  const last = new LastArguments();
  return (message) => {
    const isPattern = mayBePattern(message.address);
    if (isPattern) last.clear();
    if (isPattern || (covers !== null && covers(message.address) === "none") || last.hasChanged(message)) return true;
    events.onUnchanged();
    return false;
  };
}
