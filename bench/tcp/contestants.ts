/** The servers that bench/tcp.ts compares, and the commands that start them. */
import { fileURLToPath } from "node:url";
import type { Framing } from "../../src/framing/index.ts";
import { compileProgram } from "../suite/c-program.ts";
import { hasNpmPeers, hasPythonOsc } from "../suite/peers.ts";

export const FRAMINGS = ["1.1", "1.0"] as const satisfies readonly Framing[];

export interface Contestant {
  readonly name: string;
  readonly framings: readonly Framing[];
  /** Maximum number of concurrent connections. */
  readonly most: number;
  /** A slow server gets only one in this many messages, to limit the time. */
  readonly share: number;
  command(framing: Framing, connections: number): readonly [program: string, ...args: string[]];
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The servers that are installed. */
export function allContestants(): Contestant[] {
  const contestants = ["async", "blocking"].map((kind): Contestant => ({
    name: `oscine ${kind}`,
    framings: FRAMINGS,
    most: Infinity,
    share: 1,
    command: (_framing, connections) => [process.execPath, file("oscine.mjs"), kind, String(connections)],
  }));
  if (hasNpmPeers()) {
    contestants.push({
      name: "osc.js",
      framings: ["1.1"],
      most: Infinity,
      share: 4,
      command: (_framing, connections) => [process.execPath, file("osc-js.mjs"), String(connections)],
    });
  }
  if (hasPythonOsc()) {
    for (const kind of ["async", "blocking", "threading"]) {
      contestants.push({
        name: `python-osc ${kind}`,
        framings: FRAMINGS,
        // Its blocking server serves one client until it disconnects.
        most: kind === "blocking" ? 1 : Infinity,
        share: 40,
        command: (framing, connections) => ["python3", file("python-osc.py"), kind, framing, String(connections)],
      });
    }
  }
  const liblo = compileProgram("liblo-tcp.c", ["lo"], "apt install gcc liblo-dev");
  if (liblo !== undefined) {
    contestants.push({
      name: "liblo (C)",
      framings: FRAMINGS,
      most: Infinity,
      share: 4,
      command: (_framing, connections) => [liblo, String(connections)],
    });
  }
  return contestants;
}
