/**
 * What does NATS between socket and handler cost, and how does it scale with workers?
 *
 *     npm run bench -- nats [--json] [--quick]
 *
 * - echo: one round trip at a time, compared with executors that run handlers on this machine;
 * - rate: small messages without loss, and CPU time per message in front end, nats-server and worker, for both kinds of delivery;
 * - workers: handlers that sleep 20 ms or use 5 ms of CPU time, with 1, 2, 4 and 8 workers.
 *
 * Needs `nats-server` (apt install nats-server), and /proc for CPU time. All processes share this machine's cores; compare ratios within
 * one run.
 */
import { hasNatsServer } from "../test/nats/nats-server.ts";
import { boundTable, capacityTable } from "./nats/capacity.ts";
import { echoTable } from "./nats/echoes.ts";
import { type RateOptions, costTable, localRate, measureRates, rateTable } from "./nats/rates.ts";
import { measureScaling } from "./nats/scaling.ts";
import { benchOptions } from "./suite/options.ts";
import { finish } from "./suite/report.ts";

const options = benchOptions();

if (!hasNatsServer()) {
  console.error("NATS is SKIPPED, because nats-server isn't installed: apt install nats-server.");
} else {
  const echoes = await echoTable(options.quick ? { rounds: 1, echoes: 200 } : { rounds: 5, echoes: 500 });
  const paced: RateOptions = options.quick
    ? { ladder: [2000, 10_000, 20_000, 40_000], seconds: 0.5, rounds: 1 }
    : { ladder: [2000, 10_000, 15_000, 20_000, 30_000, 40_000, 50_000, 70_000, 100_000], seconds: 2, rounds: 3 };
  const local = await localRate(paced);
  const found = await measureRates(paced);
  const scaling = await measureScaling(options.quick ? { seconds: 0.5, rounds: 1 } : { seconds: 0.75, rounds: 3 });
  const costs = found.flatMap(({ name, answered }) => (name.includes("memory") ? [] : [{ name, cost: answered.cost }]));
  finish(
    {
      benchmark: "nats",
      tables: [echoes, rateTable(local, found, paced), costTable(found), scaling.table, boundTable(costs), capacityTable(costs)],
      goals: scaling.goals,
      plots: [scaling.plot],
    },
    options,
  );
}
