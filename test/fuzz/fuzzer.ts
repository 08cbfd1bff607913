import { Random } from "./random.ts";

/** Something that takes input from outside. */
export interface Target<Input> {
  readonly name: string;
  /**
   * An input, as JSON can hold it.
   *
   * @param kept inputs of before in which something was seen for the first time
   */
  generate(random: Random, kept: readonly Input[]): Input;
  /**
   * Gives the input to what is tested. Throws where that does what it must not do.
   *
   * @returns what was seen, as a short text: inputs that show something new are kept, to make others of
   */
  check(input: Input): string;
}

/** An input that showed a fault. */
export interface Finding {
  readonly target: string;
  readonly input: unknown;
  readonly fault: string;
}

/** What a run did. */
export interface Account {
  readonly target: string;
  readonly inputs: number;
  /** How many different things were seen. */
  readonly seen: number;
  readonly milliseconds: number;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** Told before each input. */
  readonly onInput?: (target: string, index: number) => void;
  /** Asked after each input. */
  readonly isOver: (inputs: number, milliseconds: number) => boolean;
}

const MAX_KEPT = 5000;
/** What a target with one fault shows again and again. */
const MAX_FINDINGS = 10;

/** Runs one target until it is over. The inputs depend on the seed alone. */
export function fuzz<Input>(target: Target<Input>, { seed, onInput, isOver }: FuzzOptions): Account {
  const random = new Random(seed);
  const kept: Input[] = [];
  const seen = new Set<string>();
  const findings = new Map<string, Finding>();
  const begin = performance.now();
  let inputs = 0;
  while (!isOver(inputs, performance.now() - begin) && findings.size < MAX_FINDINGS) {
    onInput?.(target.name, inputs);
    const input = target.generate(random, kept);
    inputs += 1;
    const { sight, fault } = checkQuickly(target, input);
    if (fault !== null) {
      // One for each kind of fault is enough.
      const kind = fault.replaceAll(/"[^"]*"|\d+/g, "");
      if (!findings.has(kind)) findings.set(kind, { target: target.name, input, fault });
    } else if (!seen.has(sight) && kept.length < MAX_KEPT) {
      seen.add(sight);
      kept.push(input);
    }
  }
  return { target: target.name, inputs, seen: seen.size, milliseconds: performance.now() - begin, findings: [...findings.values()] };
}

/** Without stack traces, which would take a third of the time; a fault is shown again with one. */
function checkQuickly<Input>(target: Target<Input>, input: Input): { sight: string; fault: string | null } {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return { sight: target.check(input), fault: null };
  } catch (quick) {
    Error.stackTraceLimit = stackTraceLimit;
    return { sight: "", fault: faultOf(target, input) ?? String(quick) };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What is wrong with how a target takes an input; null where nothing is. */
export function faultOf<Input>(target: Target<Input>, input: Input): string | null {
  try {
    target.check(input);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
