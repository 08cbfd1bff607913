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
    const account = await attack(kind, transport, 1000);
    expect(broken(account, Infinity)).toEqual([]);
    const { rejected } = account.stats;
    expect(
      Object.entries(rejected).filter(([reason, count]) => ["malformed", "not-osc", "too-far-ahead"].includes(reason) === (count === 0)),
    ).toEqual([]);
  },
  60_000,
);
