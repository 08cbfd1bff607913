/**
 * Fuzzes for as long as is asked, and says what was found:
 *
 *     npm run fuzz -- --minutes 30 [--seed N] [--target NAME]
 *
 * A finding is printed as a line for test/vectors/regressions.jsonl. Exit code 1 where there is any.
 */
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type Account, fuzz } from "./fuzzer.ts";
import { targets } from "./targets.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string" }, target: { type: "string" } },
});
const milliseconds = Number(values.minutes) * 60_000;
const firstSeed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0 || !(milliseconds > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error(`--minutes is a number, --seed a whole one, --target one of ${targets.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

/** Each target in turn, again and again, with another seed each time. */
const ROUND_MS = 10_000;
const STALL_MS = 20_000;

/** The target's number, the seed of its round, and how many inputs it has had: for the one who watches. */
const place = new Int32Array(new SharedArrayBuffer(12));
watch();

const totals = new Map<string, { inputs: number; seen: number; findings: number }>();
const begin = performance.now();
for (let round = 0; performance.now() - begin < milliseconds; round++) {
  // Promises that the inputs left behind are settled here.
  await setImmediate();
  const index = round % chosen.length;
  const target = chosen[index];
  if (target === undefined) break;
  const seed = (firstSeed + round) >>> 0;
  const share = Math.min(ROUND_MS, milliseconds / chosen.length);
  place[0] = targets.indexOf(target);
  place[1] = seed;
  add(
    fuzz(target, {
      seed,
      onInput: (_, input) => Atomics.store(place, 2, input + 1),
      isOver: (_, taken) => taken >= share || performance.now() - begin >= milliseconds,
    }),
    seed,
  );
}
report();

function add({ target, inputs, seen, findings }: Account, seed: number): void {
  const total = totals.get(target) ?? { inputs: 0, seen: 0, findings: 0 };
  totals.set(target, { inputs: total.inputs + inputs, seen: Math.max(total.seen, seen), findings: total.findings + findings.length });
  for (const { input, fault } of findings) {
    console.log(`FOUND by ${target}, seed ${seed}: ${fault}`);
    console.log(JSON.stringify({ target, why: fault.split("\n")[0], input }));
  }
}

function report(): void {
  console.log(`seeds from ${firstSeed} on, ${Math.round((performance.now() - begin) / 1000)} s, Node ${process.version}`);
  let findings = 0;
  let inputs = 0;
  for (const [target, total] of totals) {
    console.log(
      `${target.padEnd(14)} ${String(total.inputs).padStart(12)} inputs, ${total.seen} sights in one round, ${total.findings} findings`,
    );
    findings += total.findings;
    inputs += total.inputs;
  }
  console.log(`${"all".padEnd(14)} ${String(inputs).padStart(12)} inputs, ${findings} findings`);
  process.exit(findings === 0 ? 0 : 1);
}

/** Ends the process where one input takes so long that it has to be called a stall; nothing else could. */
function watch(): void {
  const code = `
    const { workerData: { place, names, stall } } = require("node:worker_threads");
    let before = -1;
    setInterval(() => {
      const now = Atomics.load(place, 2);
      if (now === before) {
        require("node:fs").writeSync(2, "STALLED: " + names[place[0]] + ", seed " + (place[1] >>> 0) + ", input " + now + "\\n");
        process.kill(process.pid, "SIGKILL");
      }
      before = now;
    }, stall);`;
  new Worker(code, { eval: true, execArgv: [], workerData: { place, names: targets.map(({ name }) => name), stall: STALL_MS } }).unref();
}
