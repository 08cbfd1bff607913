import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { adoptProcess } from "./fork-parity.ts";
import { errorName, functionsOf, loadKoffi } from "../../transport/native/libc.ts";

/** The system calls that forking needs. */
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
  pipe2: (ends: Uint8Array, flags: number) => number;
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
  "int pipe2(void *ends, int flags)",
];

const MADV_DOFORK = 11;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
/** The same on x64 and arm64. */
const SYS_PIDFD_OPEN = 434;
const O_CLOEXEC = 0o2000000;
const POLLIN = 1;

/** V8's `gc`. Without options it collects everything. */
type CollectGarbage = (options?: { type: "minor" }) => void;

/** Size of V8's young generation, in MiB. Small, because each page in use is copied for each child. */
const NEW_SPACE = 1;
/** Number of forks between two garbage collections: memory taken by garbage would be copied for each child. */
const FORKS_BETWEEN_COLLECTIONS = 64;

/**
 * Flags that make a Node process forkable.
 *
 * - V8's helper threads don't exist in a child, which would hang at its first garbage collection.
 * - Without `--no-lazy`, each child would compile the functions that only children call.
 * - Without large pages, each child would fault in the pages of Node's code one by one.
 */
export const FORK_FLAGS: readonly string[] = [
  "--single-threaded",
  "--v8-pool-size=0",
  "--no-lazy",
  "--no-flush-bytecode",
  "--use-largepages=silent",
  `--min-semi-space-size=${NEW_SPACE}`,
  `--max-semi-space-size=${NEW_SPACE}`,
];

/** A child that has been forked. */
export interface Forked {
  readonly pid: number;
  /** File descriptor that becomes readable when the process ends. */
  readonly pidfd: number;
}

/** A pipe between this process and a child. Both hold both ends. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** `fork` and related system calls. For a process with a single JavaScript thread, started with {@link FORK_FLAGS}. */
export class ForkCalls {
  readonly #calls: Calls;
  readonly #pid: number;
  readonly #koffi = loadKoffi();
  readonly #collect: CollectGarbage;
  readonly #memoryEnd = BigInt(`0x${specialMemory(readFileSync("/proc/self/maps", "latin1"))}`);
  readonly #status = new Int32Array(1);
  readonly #statusBytes = new Uint8Array(this.#status.buffer);
  readonly #ends = new Int32Array(2);
  readonly #oneFd = new PollTable();
  #forks = 0;

  /** @throws Error if the system calls aren't available */
  constructor() {
    this.#calls = functionsOf(this.#koffi, SIGNATURES) as Calls;
    this.#pid = this.#calls.getpid();
    // In a separate context, so that the program doesn't see `gc`.
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc") as CollectGarbage;
    adoptProcess(
      () => this.#calls.getpid(),
      (code) => this.exit(code),
    );
  }

  /** Has the kernel kill this process when its parent's thread ends, for whatever reason. Returns false if it has already ended. */
  dieWith(parent: number): boolean {
    this.#calls.prctl(PR_SET_PDEATHSIG, SIGKILL);
    return this.#calls.getppid() === parent;
  }

  /** Collects all garbage, so that less memory is copied for each child. */
  tidy(): void {
    this.#collect();
  }

  /** Collects garbage in the young generation. */
  collect(): void {
    this.#collect({ type: "minor" });
  }

  /**
   * Forks.
   *
   * @returns the child; null in the child itself, which has its own process group and dies with this process
   * @throws Error if the system can't create another process
   */
  fork(): Forked | null {
    this.#forks += 1;
    if (this.#forks % FORKS_BETWEEN_COLLECTIONS === 0) this.collect();
    this.#shareMemory();
    // Again, with nothing before the fork that allocates: a page of memory that V8 got meanwhile would be missing in the child.
    this.#calls.madvise(0n, this.#memoryEnd, MADV_DOFORK);
    const pid = this.#calls.fork();
    if (pid === 0) {
      this.#calls.setpgid(0, 0);
      if (!this.dieWith(this.#pid)) this.exit(1);
      return null;
    }
    if (pid < 0) throw this.#error("fork");
    const pidfd = this.#calls.syscall(SYS_PIDFD_OPEN, pid, 0);
    if (pidfd < 0) {
      const error = this.#error("pidfd_open");
      this.kill(pid);
      this.#calls.waitpid(pid, this.#statusBytes, 0);
      throw error;
    }
    return { pid, pidfd };
  }

  /** Kills a child and its process group. A child that hasn't run yet has no group, and hasn't started anything. */
  kill(pid: number): void {
    this.#calls.kill(-pid, SIGKILL);
    this.#calls.kill(pid, SIGKILL);
  }

  /** Waits for a child to end, releases it, and returns its status. */
  reap({ pid, pidfd }: Forked): number {
    while (this.#calls.waitpid(pid, this.#statusBytes, 0) < 0 && errorName(this.#koffi.errno()) === "EINTR");
    this.#calls.close(pidfd);
    return this.#status[0] ?? 0;
  }

  /**
   * Waits until a file descriptor in the table is readable.
   *
   * @param timeout in milliseconds; -1 to wait forever
   */
  awaitReadable(table: PollTable, timeout: number): void {
    // Retries if interrupted: the table then still holds the previous results.
    while (this.#calls.poll(table.bytes, table.size, timeout) < 0);
  }

  /** Whether a pipe has unread data. */
  hasData(pipe: Pipe): boolean {
    this.#oneFd.add(pipe.read);
    this.awaitReadable(this.#oneFd, 0);
    const hasData = this.#oneFd.isReadable(0);
    this.#oneFd.remove(0);
    return hasData;
  }

  /** @throws Error if the system can't create another pipe */
  pipe(): Pipe {
    if (this.#calls.pipe2(new Uint8Array(this.#ends.buffer), O_CLOEXEC) < 0) throw this.#error("pipe2");
    const [read = -1, write = -1] = this.#ends;
    return { read, write };
  }

  /** Ends this process at once. `process.exit` would wait for threads that don't exist in a child. */
  exit(code: number): never {
    return this.#calls._exit(code);
  }

  /**
   * V8 excludes its memory from children (`MADV_DONTFORK`), but they need it. One call includes all memory again; it reports ENOMEM because of
   * gaps. It stops at device memory; then each mapping needs its own call.
   */
  #shareMemory(): void {
    if (this.#calls.madvise(0n, this.#memoryEnd, MADV_DOFORK) === 0 || errorName(this.#koffi.errno()) === "ENOMEM") return;
    for (const [, start = "", end = ""] of readFileSync("/proc/self/maps", "latin1").matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gm)) {
      const first = BigInt(`0x${start}`);
      this.#calls.madvise(first, BigInt(`0x${end}`) - first, MADV_DOFORK);
    }
  }

  #error(call: string): Error {
    return new Error(`${call} failed: ${errorName(this.#koffi.errno())}`);
  }
}

/** Start address, in hexadecimal digits, of the memory that the kernel maps at the end of each process. It counts as device memory. */
export function specialMemory(maps: string): string {
  return /^([0-9a-f]+)-.* \[v[a-z_]+\]$/m.exec(maps)?.[1] ?? "7ffffffff000";
}

/** The file descriptors that `poll` waits for, by index. */
export class PollTable {
  #entries = new Int32Array(128);
  bytes: Uint8Array = new Uint8Array(this.#entries.buffer);
  size = 0;

  add(fd: number): void {
    if (this.size * 2 === this.#entries.length) this.#grow();
    this.#entries[this.size * 2] = fd;
    this.#entries[this.size * 2 + 1] = POLLIN;
    this.size += 1;
  }

  /** Whether the descriptor at this index was readable when `poll` last returned. */
  isReadable(index: number): boolean {
    return (this.#entries[index * 2 + 1] ?? 0) >>> 16 !== 0;
  }

  /** Removes a descriptor. The last one takes its index. */
  remove(index: number): void {
    this.size -= 1;
    this.#entries.copyWithin(index * 2, this.size * 2, this.size * 2 + 2);
  }

  #grow(): void {
    const entries = new Int32Array(this.#entries.length * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    this.bytes = new Uint8Array(entries.buffer);
  }
}
