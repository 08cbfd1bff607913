import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { PoolProgram, type ProcessId, descendants, isAlive } from "./pool-program.ts";

/** What is sent, and how often of 100. What ends a process is kept rare enough for Node to boot others meanwhile. */
const MIXTURE = [
  ["/echo", 86],
  ["/exit", 4],
  ["/kill", 4],
  ["/hang", 3],
  ["/fill", 3],
] as const;

/** How many packets are on their way at once: fewer than the server's queue takes. */
const AT_ONCE = 200;

/** The same while processes are killed, so that they are killed one after another. */
const AT_ONCE_IF_KILLED = 20;

/** What part of the packets the server has handled before it is measured: what it keeps once is made by then. */
const WARM_UP = 0.2;
/** What V8's heap may take more or less from one moment to another, in MiB. */
const MEMORY_ROOM = 24;

/** The pipes of a process that has just been killed, or of one that takes its place, may be open at one moment and not at another. */
const PIPES_OF_A_PROCESS = 3;

/** What the server's process takes while it has nothing to do. */
interface Resources {
  readonly memoryMiB: number;
  readonly descriptors: number;
}

/** What became of the packets. */
export interface Account {
  readonly sent: Readonly<Record<string, number>>;
  readonly answered: number;
  /** Errors that were reported, by what they say. */
  readonly lost: Readonly<Record<string, number>>;
  readonly stats: Readonly<Record<string, number>>;
  /** How many processes were killed: those of packets, the fork server, and the shell that ends orphans. */
  readonly killed: Readonly<Record<Victim, number>>;
  readonly resources: { readonly begin: Resources; readonly end: Resources };
  /** What should not be. Empty if all is well. */
  readonly faults: readonly string[];
}

type Victim = "child" | "fork server" | "shell";

/** A forking server whose handlers crash, hang and fill their memory at random, and an account of every packet. */
export class ForkingStress {
  readonly #program: PoolProgram;
  readonly #killed = { child: 0, "fork server": 0, shell: 0 };

  private constructor(program: PoolProgram) {
    this.#program = program;
  }

  static async start(options: object): Promise<ForkingStress> {
    const all = { childTimeout: 1000, childMemory: 30, maxReports: 1_000_000, counter: false, ...options };
    return new ForkingStress(await PoolProgram.start(["pool.mjs", "Forking", "dispatcher", JSON.stringify(all)]));
  }

  /** @param kills how many processes, chosen at random, are killed meanwhile */
  async run(packets: number, seed: number, kills = 0): Promise<Account> {
    const program = this.#program;
    const random = randomNumbers(seed);
    const sent: Record<string, number> = {};
    let begin: Resources | null = null;
    for (let count = 0; count < packets; count++) {
      if (count === Math.ceil(packets * WARM_UP)) begin = await this.#resources(count);
      const address = choose(random());
      sent[address] = (sent[address] ?? 0) + 1;
      program.send(address, count);
      await program.until(() => count + 1 - this.#ended < (kills > 0 ? AT_ONCE_IF_KILLED : AT_ONCE));
      // Not before the server has shown that it serves: if the first worker fails, it doesn't.
      if (kills > 0 && this.#ended > 0 && count % Math.ceil(packets / kills) === 0) this.#killOne(random());
    }
    const resources = { begin: begin as Resources, end: await this.#settled(packets, begin as Resources) };
    const processes = descendants(program.child.pid as number);
    const zombies = await this.#zombies();
    const stats = await program.quit();
    await program.dispose();
    await goneWithin(processes, 5000);
    const faults = [
      ...this.#unaccounted(sent, kills > 0),
      ...grown(resources),
      ...zombies.map((pid) => `process ${pid} is a zombie`),
      ...(stats.inProgress + stats.waiting === 0 ? [] : [`${stats.inProgress + stats.waiting} packets are still in the server's account`]),
      ...(stats.received === stats.handled + stats.dropped ? [] : ["received is not handled + dropped"]),
      ...processes.filter(isAlive).map(({ pid }) => `process ${pid} is left`),
    ];
    const { received, handled, replied, dropped, faults: reported } = stats;
    return {
      sent,
      answered: this.#answers.length,
      lost: this.#lost(),
      stats: { received, handled, replied, dropped, faults: reported },
      killed: this.#killed,
      resources,
      faults,
    };
  }

  /** Replies to `/echo`, by the number that was sent. */
  get #answers(): number[] {
    return this.#program.replies.filter(([address]) => address === "/echoed").map(([, number]) => number as number);
  }

  /** A child, or the process that forks children, or that kills orphans. */
  #killOne(random: number): void {
    const processes = descendants(this.#program.child.pid as number);
    const chosen = processes[Math.floor(random * processes.length)];
    if (chosen === undefined || !isAlive(chosen)) return;
    this.#killed[victimAt(chosen.pid, this.#program.child.pid as number)] += 1;
    process.kill(chosen.pid, "SIGKILL");
  }

  /** What the server's process takes when so many packets have ended. */
  async #resources(packets: number): Promise<Resources> {
    await this.#program.until(() => this.#ended >= packets);
    const pid = this.#program.child.pid as number;
    const [, kibibytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return { memoryMiB: Math.round(Number(kibibytes) / 1024), descriptors: readdirSync(`/proc/${pid}/fd`).length };
  }

  /** As {@link #resources}, once the processes that replace the last ones are there and the pipes of those are closed. What leaks doesn't go. */
  async #settled(packets: number, begin: Resources): Promise<Resources> {
    const deadline = performance.now() + 5000;
    let end = await this.#resources(packets);
    while (grown({ begin, end }).length > 0 && performance.now() < deadline) {
      await sleep(50);
      end = await this.#resources(packets);
    }
    return end;
  }

  /** Children of the server that have ended and that it has not waited for, also a while later. */
  async #zombies(): Promise<number[]> {
    const find = (): number[] => descendants(this.#program.child.pid as number).flatMap(({ pid }) => (isZombie(pid) ? [pid] : []));
    const first = find();
    if (first.length > 0) await sleep(1000);
    return find().filter((pid) => first.includes(pid));
  }

  get #drops(): string[] {
    return this.#program.errors.filter(({ message }) => message.startsWith("A packet was lost")).map(({ message }) => message);
  }

  get #ended(): number {
    const hanging = this.#program.replies.filter(([address]) => address === "/hanging").length;
    return this.#program.replies.length - hanging + this.#program.errors.length;
  }

  #lost(): Record<string, number> {
    const lost: Record<string, number> = {};
    for (const { message } of this.#program.errors) lost[message] = (lost[message] ?? 0) + 1;
    return lost;
  }

  /**
   * Every number sent with /echo comes back once, and everything else is reported as lost once. On a machine that is busy with other things
   * the time of an echo may be up, too; then it is reported, and that this was why.
   */
  #unaccounted(sent: Readonly<Record<string, number>>, areKilled: boolean): string[] {
    const echoed = new Set(this.#answers);
    const total = Object.values(sent).reduce((sum, count) => sum + count, 0);
    const late = (sent["/echo"] ?? 0) - echoed.size;
    const timedOut = this.#drops.filter((message) => message.includes("did not end within childTimeout")).length;
    const faults: string[] = [];
    if (echoed.size !== this.#answers.length) faults.push("a packet was answered twice");
    // One that was killed between its reply and its end is answered and reported.
    const inAll = echoed.size + this.#drops.length;
    if (areKilled ? inAll < total : inAll !== total) {
      faults.push(`${total} packets were sent, ${echoed.size} were answered and ${this.#drops.length} reported as lost`);
    }
    if (!areKilled && timedOut < (sent["/hang"] ?? 0) + late)
      faults.push("packets were lost, and neither by what their handlers do nor for their time was up");
    return faults;
  }
}

function victimAt(pid: number, server: number): Victim {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  if (stat.includes("(sh)")) return "shell";
  const isOfServer = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === server;
  return isOfServer && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("--single-threaded") ? "fork server" : "child";
}

function grown({ begin, end }: Account["resources"]): string[] {
  const grew = (what: string, before: number, after: number): string => `the server's ${what} grew from ${before} to ${after}`;
  return [
    ...(end.memoryMiB > begin.memoryMiB + MEMORY_ROOM ? [grew("memory in MiB", begin.memoryMiB, end.memoryMiB)] : []),
    ...(end.descriptors > begin.descriptors + PIPES_OF_A_PROCESS ? [grew("file descriptors", begin.descriptors, end.descriptors)] : []),
  ];
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

function choose(random: number): string {
  let left = random * 100;
  for (const [address, share] of MIXTURE) {
    left -= share;
    if (left < 0) return address;
  }
  return "/echo";
}

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function goneWithin(processes: readonly ProcessId[], ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (processes.some(isAlive) && performance.now() < deadline) await sleep(5);
}
