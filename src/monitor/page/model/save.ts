import { formatJson } from "../../../text/json.ts";
import type { MessageFilter } from "../../../text/message-filter.ts";
import type { ReadEntry } from "./read-entry.ts";

/** Packets as `oscine dump --json` prints them: one JSON object a line. Bad packets have no such form and are left out. */
export function jsonLines(records: readonly ReadEntry[], filter: MessageFilter | null): string {
  const lines: string[] = [];
  for (const { entry, packet } of records) {
    if (entry.kind !== "packet" || packet === null) continue;
    const wanted = filter === null ? packet : filter.select(packet);
    if (wanted !== null) lines.push(formatJson(wanted, entry));
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
