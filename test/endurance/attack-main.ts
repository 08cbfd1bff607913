/** `npm run attack`: see attack.ts. */
import { parseArgs } from "node:util";
import type { Kind } from "../shared/server-process.ts";
import { type AttackAccount, SCENARIOS, type Scenario, attack, broken, kindsOf } from "./attack.ts";

/** What a server, with its 64 threads or 40 processes, may take in MiB: docs/reliability.md. */
const MOST_RSS: Readonly<Record<Kind, number>> = { async: 450, blocking: 550, threading: 1500, forking: 1500, nats: 600 };

/** Over UDP most of the client's own packets find the kernel's buffer full, so it has to ask again. */
const LONGEST_SILENCE = 10_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    scenario: { type: "string" },
    kind: { type: "string" },
    transport: { type: "string" },
  },
});
const milliseconds = Number(values.seconds) * 1000;
let failed = false;
console.log(
  "| attack | kind | transport | sent | received | handled | rejected | dropped | kernel | asked | answered | p99, ms | silence, ms | RSS, MiB |",
);
console.log(`| --- | --- | --- |${" ---: |".repeat(11)}`);
for (const scenario of Object.keys(SCENARIOS) as Scenario[]) {
  if (values.scenario !== undefined && values.scenario !== scenario) continue;
  for (const transport of SCENARIOS[scenario]) {
    if (values.transport !== undefined && values.transport !== transport) continue;
    for (const kind of kindsOf(transport)) {
      if (values.kind !== undefined && values.kind !== kind) continue;
      const account = await attack(scenario, kind, transport, milliseconds);
      const faults = broken(account, { rss: MOST_RSS[kind], silence: LONGEST_SILENCE });
      console.log(`${rowOf(account)}${faults.length === 0 ? "" : ` FAILED: ${faults.join(", ")}`}`);
      failed ||= faults.length > 0;
    }
  }
}
process.exit(failed ? 1 : 0);

function rowOf({ scenario, kind, transport, sent, connections, stats, asked, answered, p99, longestSilence, rss }: AttackAccount): string {
  const rejected = Object.values(stats.rejected).reduce((sum, count) => sum + count, 0);
  const { received, handled, dropped, kernelDropped } = stats;
  const numbers = [sent || connections, received, handled, rejected, dropped, kernelDropped ?? 0, asked, answered];
  const measured = [p99.toFixed(1), longestSilence.toFixed(0), rss.toFixed(0)];
  return `| ${[scenario, kind, transport, ...numbers, ...measured].join(" | ")} |`;
}
