/** What makes a forked child as good as a fresh process for a handler. Done once, in the process that is forked, before the program runs. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

const TWO_48 = 2 ** 48;

/**
 * Lets `Math.random()` and the functions of `node:crypto` that keep bytes in store give other values in each child.
 *
 * @returns to be called in a child before its handler runs
 */
export function randomizeChildren(): () => void {
  let isSeeded = false;
  const state = new Uint32Array(4);
  // sfc32. The generator of V8 can't be seeded.
  const next = (): number => {
    if (!isSeeded) crypto.randomFillSync(state);
    isSeeded = true;
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const sum = (a + b + counter) >>> 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    return sum;
  };
  Math.random = () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;

  const { randomUUID, randomInt } = crypto;
  const freshUUID: typeof randomUUID = () => randomUUID({ disableEntropyCache: true });
  crypto.randomUUID = freshUUID;
  Object.defineProperty(Object.getPrototypeOf(globalThis.crypto), "randomUUID", { value: freshUUID, writable: true, configurable: true });
  // Of Node 24 and later.
  const later = crypto as { randomUUIDv7?: typeof randomUUID };
  const { randomUUIDv7 } = later;
  if (randomUUIDv7 !== undefined) later.randomUUIDv7 = () => randomUUIDv7({ disableEntropyCache: true });
  crypto.randomInt = ((...parameters: [number, number?, (() => void)?]) => {
    // Checks what it was given, and is for callbacks, too.
    const stored: unknown = Reflect.apply(randomInt, crypto, parameters);
    if (stored === undefined) return undefined;
    const [min, max] = typeof parameters[1] === "number" ? [parameters[0], parameters[1]] : [0, parameters[0]];
    const most = TWO_48 - (TWO_48 % (max - min));
    for (;;) {
      const value = crypto.randomBytes(6).readUIntBE(0, 6);
      if (value < most) return min + (value % (max - min));
    }
  }) as typeof randomInt;
  syncBuiltinESMExports();
  return () => {
    isSeeded = false;
  };
}

/**
 * Lets `process.pid` and `process.exit()` be those of the child.
 *
 * @param getpid of the system
 * @param exit ends the process without waiting for threads, which a child doesn't have
 */
export function adoptProcess(getpid: () => number, exit: (code: number) => never): void {
  const own = getpid();
  // Node loads its clock when it is first asked for: each child of a handler that takes the time would do so.
  performance.now();
  // It is read once, when Node starts.
  Object.defineProperty(process, "pid", { get: getpid, enumerable: true, configurable: true });
  const exitProcess = process.exit.bind(process);
  process.exit = (code?: number | string | null): never => {
    if (getpid() === own) return exitProcess(code);
    let status = 1;
    try {
      // Set in any case: a listener of Node's would set it to 13 because the program has not come to its end.
      process.exitCode = code ?? process.exitCode ?? 0;
      process.emit("exit", Number(process.exitCode));
      status = Number(process.exitCode);
    } catch (error) {
      console.error(error);
    }
    return exit(status);
  };
}
