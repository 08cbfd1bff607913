/** Makes a forked child behave like a fresh process. Done once, in the fork server, before the program runs. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

const TWO_48 = 2 ** 48;

/**
 * Makes `Math.random()`, and the functions of `node:crypto` that cache random bytes, return different values in each child.
 *
 * @returns a function to call in each child before its handlers run
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
    // Validates the arguments, and handles the form with a callback.
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
 * Makes `process.pid` and `process.exit()` work in a child.
 *
 * @param getpid the system call
 * @param exit ends the process without waiting for threads, which don't exist in a child
 */
export function adoptProcess(getpid: () => number, exit: (code: number) => never): void {
  const own = getpid();
  // Loads Node's lazy clock once, so that children don't each have to.
  performance.now();
  // Node reads it only once, at startup.
  Object.defineProperty(process, "pid", { get: getpid, enumerable: true, configurable: true });
  const exitProcess = process.exit.bind(process);
  process.exit = (code?: number | string | null): never => {
    if (getpid() === own) return exitProcess(code);
    let status = 1;
    try {
      // Always set: otherwise a listener of Node sets it to 13, because the script has not finished.
      process.exitCode = code ?? process.exitCode ?? 0;
      process.emit("exit", Number(process.exitCode));
      status = Number(process.exitCode);
    } catch (error) {
      console.error(error);
    }
    return exit(status);
  };
}
