import { readFileSync } from "node:fs";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { errorName, functionsOf, loadKoffi } from "../../transport/native/libc.ts";

/** The calls of the system that forking needs. */
interface Calls {
  fork: () => number;
  _exit: (code: number) => never;
  getpid: () => number;
  getppid: () => number;
  setpgid: (pid: number, group: number) => number;
  kill: (pid: number, signal: number) => number;
  waitpid: (pid: number, status: Uint8Array, options: number) => number;
  madvise: (start: bigint, size: bigint, advice: number) => number;
  prctl: (option: number, value: number) => number;
  syscall: (number: number, pid: number, flags: number) => number;
  poll: (descriptors: Uint8Array, count: number, timeout: number) => number;
  close: (fd: number) => number;
}

const SIGNATURES = [
  "int fork()",
  "void _exit(int code)",
  "int getpid()",
  "int getppid()",
  "int setpgid(int pid, int group)",
  "int kill(int pid, int signal)",
  "int waitpid(int pid, void *status, int options)",
  "int madvise(uintptr start, size_t size, int advice)",
  "int prctl(int option, ulong value)",
  "long syscall(long number, int pid, uint flags)",
  "int poll(void *descriptors, ulong count, int timeout)",
  "int close(int fd)",
];

const MADV_DOFORK = 11;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
/** The same on x64 and arm64. */
const SYS_PIDFD_OPEN = 434;
const POLLIN = 1;

type CollectGarbage = (options: { type: "minor" }) => void;

/** In MiB, how much new objects may take before V8 collects by itself. */
const NEW_SPACE = 4;
/** So much garbage may gather before it is collected: far less than would make V8 do it. */
const MOST_GARBAGE = 512 * 1024;

/**
 * What Node is started with so that it can be forked. With the helper threads of V8, which are not there in a child, a child would hang when it
 * first collects. Without `--no-lazy` each child would compile anew what only children do.
 */
export const FORK_FLAGS: readonly string[] = [
  "--single-threaded",
  "--v8-pool-size=0",
  "--no-lazy",
  "--no-flush-bytecode",
  `--min-semi-space-size=${NEW_SPACE}`,
  `--max-semi-space-size=${NEW_SPACE}`,
];

/** A child that has been forked. */
export interface Forked {
  readonly pid: number;
  /** A descriptor that can be read once the process has ended. */
  readonly pidfd: number;
}

/** `fork` and what belongs to it. For a process with one thread of JavaScript, started with {@link FORK_FLAGS}. */
export class ForkCalls {
  readonly #calls: Calls;
  readonly #pid: number;
  readonly #koffi = loadKoffi();
  readonly #collect: CollectGarbage;
  #heapSize = 0;
  #heapUsed = 0;
  /** What was used when garbage was collected last. */
  #heapUsedAtLeast = 0;

  /** @throws Error where the calls are not to be had */
  constructor() {
    this.#calls = functionsOf(this.#koffi, SIGNATURES) as Calls;
    this.#pid = this.#calls.getpid();
    // In a context of its own, for the program is not to see it.
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc") as CollectGarbage;
  }

  /** Lets this process be killed when its parent's thread ends, whatever that ended by. False where it has ended already. */
  dieWith(parent: number): boolean {
    this.#calls.prctl(PR_SET_PDEATHSIG, SIGKILL);
    return this.#calls.getppid() === parent;
  }

  /**
   * Forks.
   *
   * @returns the child; null in the child itself, which has a process group of its own and dies with this process
   * @throws Error where the system has no room for it
   */
  fork(): Forked | null {
    this.#shareMemory();
    const pid = this.#calls.fork();
    if (pid === 0) return this.#begin();
    if (pid < 0) throw this.#error("fork");
    // The child does it, too: whoever comes first.
    this.#calls.setpgid(pid, pid);
    const pidfd = this.#calls.syscall(SYS_PIDFD_OPEN, pid, 0);
    if (pidfd < 0) {
      const error = this.#error("pidfd_open");
      this.kill(pid);
      this.#calls.waitpid(pid, new Uint8Array(4), 0);
      throw error;
    }
    return { pid, pidfd };
  }

  /** Kills a child and what is left of its process group. */
  kill(pid: number): void {
    this.#calls.kill(-pid, SIGKILL);
    this.#calls.kill(pid, SIGKILL);
  }

  /** Waits for a child, forgets it, and gives back its status. */
  reap({ pid, pidfd }: Forked): number {
    const status = new Int32Array(1);
    while (this.#calls.waitpid(pid, new Uint8Array(status.buffer), 0) < 0 && errorName(this.#koffi.errno()) === "EINTR");
    this.#calls.close(pidfd);
    return status[0] ?? 0;
  }

  /** Waits until one of the descriptors can be read, and gives back those that can. */
  awaitReadable(descriptors: readonly number[]): number[] {
    const polls = new Int32Array(descriptors.flatMap((fd) => [fd, POLLIN]));
    this.#calls.poll(new Uint8Array(polls.buffer), descriptors.length, -1);
    return descriptors.filter((_, index) => (polls[index * 2 + 1] ?? 0) >>> 16 !== 0);
  }

  /** Ends this process at once. `process.exit` would wait for threads that are not there in a child. */
  exit(code: number): never {
    return this.#calls._exit(code);
  }

  #begin(): null {
    this.#calls.setpgid(0, 0);
    if (!this.dieWith(this.#pid)) this.exit(1);
    // It was read once, when Node started.
    Object.defineProperty(process, "pid", { value: this.#calls.getpid(), enumerable: true, configurable: true });
    process.exit = (code?: number | string | null): never => {
      process.exitCode = code ?? process.exitCode ?? 0;
      process.emit("exit", Number(process.exitCode));
      return this.exit(Number(process.exitCode));
    };
    return null;
  }

  /**
   * V8 keeps its memory out of children (`MADV_DONTFORK`), which could not live without it. Its memory can only have become another when the
   * heap has grown, or when it was collected; also by looking. So that V8 does not collect just before a fork, it is done here in good time.
   */
  #shareMemory(): void {
    for (;;) {
      let { total_heap_size: size, used_heap_size: used } = getHeapStatistics();
      if (used - this.#heapUsedAtLeast > MOST_GARBAGE) {
        this.#collect({ type: "minor" });
        ({ total_heap_size: size, used_heap_size: used } = getHeapStatistics());
        this.#heapUsedAtLeast = used;
        this.#heapSize = 0;
      }
      const isSame = size === this.#heapSize && used >= this.#heapUsed;
      this.#heapSize = size;
      this.#heapUsed = used;
      if (isSame) return;
      for (const [start, end] of keptOut(readFileSync("/proc/self/smaps"))) {
        if (this.#calls.madvise(start, end - start, MADV_DOFORK) < 0) throw this.#error("madvise");
      }
    }
  }

  #error(call: string): Error {
    return new Error(`${call} failed: ${errorName(this.#koffi.errno())}`);
  }
}

/** Where the memory lies that is kept out of children, by `/proc/self/smaps`: where the last line about it, `VmFlags`, holds `dc`. */
export function keptOut(smaps: Buffer): [start: bigint, end: bigint][] {
  const places: [bigint, bigint][] = [];
  let begin = 0;
  for (let flags = smaps.indexOf("VmFlags:"); flags !== -1; flags = smaps.indexOf("VmFlags:", begin)) {
    const end = smaps.indexOf("\n", flags);
    if (smaps.toString("latin1", flags, end).includes(" dc")) {
      const [start = "", stop = ""] = smaps.toString("latin1", begin, smaps.indexOf(" ", begin)).split("-");
      places.push([BigInt(`0x${start}`), BigInt(`0x${stop}`)]);
    }
    begin = end + 1;
  }
  return places;
}
