import { expect } from "vitest";
import { OscMessage, type OscPacket, type ReceiverName, fitPacket } from "../../src/index.ts";
import { ITEMS, type Item, itemIn } from "./items.ts";
import { linesOf, messagesOf } from "./line-text.ts";
import { Listener } from "./listener.ts";
import type { Outcome } from "./matrix.ts";
import type { RunningProgram } from "./programs.ts";

/** A program that listens and prints what it hears. */
export interface Hearer {
  readonly program: RunningProgram;
  readonly send: (packet: OscPacket) => Promise<void>;
  /** The lines that the program prints of a packet where it understood all of it. */
  readonly shows: (packet: OscPacket) => readonly string[];
  /** A line of the program in the form of `shows`, with the address. Default: as it is. */
  readonly read?: (line: string) => string;
}

/** Asks a program that does not say when it listens, until it prints that it heard. */
export async function untilItHears(program: RunningProgram, send: (packet: OscPacket) => Promise<void>): Promise<void> {
  const heard = program.line(/\bprobe\b/);
  const asking = setInterval(() => void send(new OscMessage("/probe", 1)).catch(() => undefined), 20);
  await heard.finally(() => clearInterval(asking));
}

/** Sends every item to a program, and compares what it prints with what it should print. */
export async function hear(hearer: Hearer, items: readonly Item[] = ITEMS): Promise<Outcome[]> {
  const { program, read = (line) => line } = hearer;
  for (const { packet } of items) await hearer.send(packet);
  // Two, one after the other: some programs poll several queues in turn, and the first mark may overtake what came before it.
  for (const mark of ["/mark/1", "/mark/2"]) {
    const arrived = program.until((lines) => lines.some((line) => read(line).includes(mark)));
    await hearer.send(new OscMessage(mark, 1));
    await arrived;
  }
  const printed = linesByItem(program.lines.map((line) => read(line)));
  return items.map((item) => compare(item, hearer.shows(item.packet), printed.get(numberOf(item)) ?? []));
}

/**
 * Sends every item as a profile fits it, to a program that has heard the items before: now all have to arrive.
 *
 * @param isBeyond which of the fitted packets hold what no profile can mend
 */
export async function expectProfile(
  receiver: ReceiverName,
  hearer: Hearer,
  isBeyond: (packet: OscPacket) => boolean = () => false,
): Promise<void> {
  const fitted = ITEMS.flatMap(({ kind, packet }) => {
    try {
      return [{ kind, packet: fitPacket(packet, receiver) }];
    } catch (error) {
      expect(error).toMatchObject({ code: "OSC_RECEIVER_LIMIT" });
      return [];
    }
  });
  hearer.program.lines.length = 0;
  const outcomes = await hear(
    hearer,
    fitted.filter(({ packet }) => !isBeyond(packet)),
  );
  expect(
    outcomes.filter(({ result }) => result !== "exact"),
    `with the profile ${receiver}`,
  ).toEqual([]);
}

/** The lines that a program printed about each item. The beginning of a bundle belongs to the item after it, its end to the one before. */
function linesByItem(lines: readonly string[]): ReadonlyMap<number, readonly string[]> {
  const byItem = new Map<number, string[]>();
  let bundles: string[] = [];
  let last: string[] = [];
  for (const line of lines) {
    const item = itemIn(line);
    if (line.startsWith("#bundle ")) bundles.push(line);
    else if (line === "#end") last.push(line);
    else if (item !== undefined) {
      last = byItem.get(item) ?? [];
      last.push(...bundles, line);
      bundles = [];
      byItem.set(item, last);
    }
  }
  return byItem;
}

interface ListenOptions {
  readonly transport?: "udp" | "tcp";
  /** The lines of a packet that count. Default: all, those of bundles with their time tags. */
  readonly lines?: (packet: OscPacket) => string[];
}

/**
 * Has a program send items to our server, and compares what arrives with what it was told to send.
 *
 * @param tell has the program send the items, and after them a message to `/mark`
 */
export async function listen(
  items: readonly Item[],
  tell: (port: number, listener: Listener) => Promise<void> | void,
  { transport = "udp", lines = linesOf }: ListenOptions = {},
): Promise<Outcome[]> {
  await using listener = await Listener.open(transport);
  await tell(listener.port, listener);
  const arrived = await listener.linesOfItems("/mark", lines);
  return items.map((item) => compare(item, lines(item.packet), arrived.get(numberOf(item)) ?? []));
}

/** The items as the lines that the programs of ours under programs/ are told to send, with the mark that ends them. */
export function scriptOf(items: readonly Item[]): string {
  return [...items.flatMap(({ packet }) => linesOf(packet)), "/mark ,", ""].join("\n");
}

/** The items of some kinds: those that a program can be told to send. */
export function itemsOf(kinds: Iterable<string>): readonly Item[] {
  const wanted = new Set(kinds);
  return ITEMS.filter(({ kind }) => wanted.has(kind));
}

function numberOf({ packet }: Item): number {
  const [first] = messagesOf(packet);
  return itemIn(first?.address ?? "") ?? -1;
}

function compare({ kind }: Item, wanted: readonly string[], got: readonly string[]): Outcome {
  if (wanted.join("\n") === got.join("\n")) return { kind, result: "exact" };
  return { kind, result: "differs", wanted, got };
}
