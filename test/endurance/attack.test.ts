/** A short attack: no figures of memory or speed, only that nothing is unaccounted for and the client is served. `npm run attack` is the long one. */
import { expect, test } from "vitest";
import type { Kind } from "../shared/server-process.ts";
import { attack, broken } from "./attack.ts";

test.each(
  (["udp", "tcp-1.0"] as const).flatMap((transport) =>
    (["async", "blocking", "threading", "forking"] as const).map((kind): [Kind, typeof transport] => [kind, transport]),
  ),
)(
  "a %s server over %s, attacked at full speed, answers and accounts for everything",
  async (kind, transport) => {
    const account = await attack(kind, transport, 300);
    expect(broken(account, { rss: Infinity, silence: Infinity })).toEqual([]);
    const { rejected } = account.stats;
    // What a packet must not be shows before anything is spent on it; the others need a handler, or an option.
    expect(rejected["not-osc"]).toBeGreaterThan(0);
    expect(rejected).toMatchObject({ empty: 0, rate: 0, sender: 0, "too-large": 0, unverified: 0 });
  },
  60_000,
);
