/** `npm run attack`: see attack.ts. */
import { parseArgs } from "node:util";
import type { Kind } from "../shared/server-process.ts";
import type { TransportName } from "../shared/wire.ts";
import { type AttackAccount, attack, broken } from "./attack.ts";

/** What a server, with its 64 threads or 40 processes, may take in MiB: docs/reliability.md. */
const MOST_RSS: Readonly<Record<Kind, number>> = { async: 400, blocking: 500, threading: 1500, forking: 1500, nats: 600 };

/** Over UDP most of the client's own packets find the kernel's buffer full, so it has to ask again. */
const LONGEST_SILENCE = 10_000;

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, kind: { type: "string" }, transport: { type: "string" } },
});
const milliseconds = Number(values.seconds) * 1000;
let failed = false;
console.log(
  "kind       transport  sent by attacker   received    handled   rejected    dropped  kernel   asked answered  silence ms  RSS MiB",
);
for (const transport of ["udp", "tcp-1.0"] as const satisfies readonly TransportName[]) {
  if (values.transport !== undefined && values.transport !== transport) continue;
  for (const kind of ["async", "blocking", "threading", "forking"] as const satisfies readonly Kind[]) {
    if (values.kind !== undefined && values.kind !== kind) continue;
    const account = await attack(kind, transport, milliseconds);
    const faults = broken(account, { rss: MOST_RSS[kind], silence: LONGEST_SILENCE });
    console.log(`${rowOf(account)}${faults.length === 0 ? "" : `  FAILED: ${faults.join(", ")}`}`);
    failed ||= faults.length > 0;
  }
}
process.exit(failed ? 1 : 0);

function rowOf({ kind, transport, sent, stats, asked, answered, longestSilence, rss }: AttackAccount): string {
  const rejected = Object.values(stats.rejected).reduce((sum, count) => sum + count, 0);
  const numbers = [
    sent,
    stats.received,
    stats.handled,
    rejected,
    stats.dropped,
    stats.kernelDropped ?? 0,
    asked,
    answered,
    longestSilence,
    rss,
  ];
  const widths = [17, 11, 11, 11, 11, 8, 8, 9, 12, 9];
  return `${kind.padEnd(11)}${transport.padEnd(10)}${numbers.map((value, index) => String(Math.round(value)).padStart(widths[index] as number)).join("")}`;
}
