/**
 * What does it cost to load Oscine, in a program and in a page?
 *
 *     npm run bench -- startup [--json] [--quick]
 *
 * Programs alternate. Each reports its own CPU time as it exits; medians count, for differences the median of those within each round.
 * Sizes are those of minified bundles, compressed with gzip -9.
 */
import { bundles, peerBundles } from "./suite/bundle-size.ts";
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers } from "./suite/peers.ts";
import { finish, type Goal } from "./suite/report.ts";
import { startupTimes } from "./suite/startup-time.ts";

const options = benchOptions();
const times = startupTimes(options.quick ? 7 : 31);
const over = (name: string, other: string): number => times.find((one) => one.name === name)!.over(other);
const sizes = await bundles();
const [codec, , , browser] = sizes.map(({ bytes }) => bytes / 1000);
const others = hasNpmPeers() ? await peerBundles() : [];

const goals: Goal[] = [
  atMost('`import "oscine"`: CPU time over an empty module', over('import "oscine"', "an empty module"), 25, "ms"),
  atMost("`oscine send`: CPU time over `node -e 0`", over("oscine send", "node -e 0"), 60, "ms"),
  atMost("`oscine/codec` in a page", codec!, 9, "kB"),
  atMost("all of `oscine/browser` in a page", browser!, 28, "kB"),
];
finish(
  {
    benchmark: "startup",
    tables: [
      {
        title: "CPU time of a whole process",
        columns: ["ms", "more than node -e 0"],
        rows: times.map((time) => ({ name: time.name, cells: [time.cpu, time.over("node -e 0")] })),
      },
      {
        title: "Size in a page",
        note: "kB, minified and compressed with gzip. node-osc reads fewer types and needs Node's Buffer; osc includes a package for 64-bit integers, osc-js its sockets.",
        columns: ["kB"],
        rows: [...sizes, ...others].map(({ name, bytes }) => ({ name, cells: [bytes / 1000] })),
      },
    ],
    goals,
  },
  options,
);

function atMost(what: string, measured: number, floor: number, unit: string): Goal {
  return { goal: `${what}: at most ${floor} ${unit}`, measured: `${measured.toFixed(1)} ${unit}`, met: measured <= floor };
}
