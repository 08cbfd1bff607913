/** Short attacks: no figures of memory or speed, only that nothing is unaccounted for and the client is served. `npm run attack` is the long one. */
import { expect, test } from "vitest";
import type { Kind } from "../shared/server-process.ts";
import type { TransportName } from "../shared/wire.ts";
import { SCENARIOS, type Scenario, attack, broken, kindsOf } from "./attack.ts";

/** All kinds are mixed up with everything; of the other attacks two kinds show enough. */
const TRIED: readonly (readonly [Scenario, Kind, TransportName])[] = (Object.keys(SCENARIOS) as Scenario[]).flatMap((scenario) =>
  SCENARIOS[scenario].flatMap((transport) =>
    kindsOf(transport)
      .filter((kind) => scenario === "mixed" || kind === "async" || kind === "threading")
      .map((kind) => [scenario, kind, transport] as const),
  ),
);

test.each(TRIED)(
  "under the attack %s a %s server over %s answers a client and accounts for everything",
  async (scenario, kind, transport) => {
    // Where a fork takes 20 ms, the packets of all connections before the client's would take a minute.
    const reuse = kind === "forking" && transport !== "udp" ? { strategy: "spawn", requestsPerChild: 1000 } : {};
    const account = await attack(scenario, kind, transport, kind === "forking" ? 100 : 300, reuse);
    expect(broken(account, { rss: Infinity, silence: Infinity })).toEqual([]);
    const { rejected } = account.stats;
    expect(rejected).toMatchObject({ empty: 0, rate: 0, sender: 0, "too-large": 0, unverified: 0 });
    // What a packet must not be shows before anything is spent on it; the others need a handler, or an option.
    if (scenario === "mixed" || scenario === "sources") expect(rejected["not-osc"]).toBeGreaterThan(0);
  },
  60_000,
);
