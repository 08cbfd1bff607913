import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { LengthPrefixDecoder } from "../../framing/index.ts";
import { frameDecoder, readFrames } from "./child-answers.ts";
import { ANSWERS_FD, CHILD_KEY, type ChildInit, type FromChild, PACKETS_FD, decodeAnswer } from "./child-frames.ts";
import type { ChildPoolDescription } from "./child-pool-options.ts";
import { childCommand, describeEnd } from "./child-strategy.ts";
import { FORK_FLAGS } from "./fork-calls.ts";
import { type Order, decodeNotice, encodeOrder } from "./fork-frames.ts";

/** How long a child may take that shows whether forking works here. */
const TEST_MS = 2000;
const ZYGOTE = 0;
const TEST_CHILD = 1;
/** The number of the first child that handles a packet. */
const FIRST_CHILD = 2;

/** Where two names have one number, as SIGABRT and SIGIOT, the first counts. */
const SIGNALS: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name as NodeJS.Signals] as const)
    .toReversed(),
);

/** Hears of one child. */
export interface ChildListener {
  answer(answer: FromChild): void;
  /** It has ended; nothing comes after this. */
  ended(how: string): void;
}

interface Heard {
  readonly listener: ChildListener;
  readonly frames: LengthPrefixDecoder;
}

/** A zygote as the server sees it: the process that forks children, and the way to them. */
export class ZygoteProcess {
  /** Resolves when it is known whether it forks: null, or why it does not, and it then has been ended. */
  readonly usable: Promise<string | null>;
  /** The `strictTiming` of its dispatcher, once it is usable. */
  strictTiming = true;
  readonly #description: ChildPoolDescription;
  readonly #process: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #children = new Map<number, Heard>();
  #nextId = FIRST_CHILD;
  #reason: string | null = null;
  #isDead = false;

  /** May throw. */
  constructor(description: ChildPoolDescription, limits: ChildInit["limits"]) {
    this.#description = description;
    const { program, maxChildren, spareChildren } = description;
    const init = { program, limits, forking: { server: process.pid, maxChildren, spareChildren } } satisfies ChildInit;
    this.#process = spawn(process.execPath, [...FORK_FLAGS, ...childCommand(description)], {
      stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"],
      // Ctrl-C is for the server to answer.
      detached: true,
      env: { ...process.env, [CHILD_KEY]: JSON.stringify(init) },
    });
    this.#listenToProcess();
    this.#closed = new Promise((resolve) => this.#process.once("close", () => resolve()));
    this.usable = this.#test();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** A number for a child that is to be forked. */
  nextId(): number {
    return this.#nextId++;
  }

  /** Hears of that child from now on, until it has ended. */
  listen(id: number, listener: ChildListener): void {
    const frames = frameDecoder(
      (body) => listener.answer(decodeAnswer(body)),
      (what) => this.#speaksNonsense(what),
    );
    this.#children.set(id, { listener, frames });
  }

  order(order: Order): void {
    (this.#process.stdio[PACKETS_FD] as Writable).write(encodeOrder(order));
  }

  /** Ends it, and by that all its children; resolves when it has ended. */
  async kill(): Promise<void> {
    if (this.#isDead) return;
    this.#process.kill("SIGKILL");
    await this.#closed;
  }

  async #test(): Promise<string | null> {
    const { startTimeout } = this.#description;
    const reason =
      (await this.#hears(ZYGOTE, startTimeout, `it did not come to its server within startTimeout (${startTimeout} ms)`)) ??
      (await this.#hears(TEST_CHILD, TEST_MS, `a child that was forked as a test did not answer within ${TEST_MS} ms`));
    if (reason !== null) void this.kill();
    return reason;
  }

  /** Waits for the first answer, of a child also for its end, so that it is not there beside those for packets: null where it came, or why it did not. */
  #hears(id: number, patienceMs: number, late: string): Promise<string | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(late), patienceMs);
      const done = (reason: string | null): void => {
        clearTimeout(timer);
        resolve(reason);
      };
      let hasAnswered = false;
      const answer = (first: FromChild): void => {
        if (first.type === "ready") this.strictTiming = first.strictTiming;
        if (first.type === "unusable") return done(first.reason);
        hasAnswered = true;
        if (id === ZYGOTE) done(null);
      };
      this.listen(id, { answer, ended: (reason) => done(hasAnswered ? null : reason) });
      if (id === TEST_CHILD) this.order({ type: "test", id });
    });
  }

  #listenToProcess(): void {
    const zygote = this.#process;
    readFrames(
      zygote.stdio[ANSWERS_FD] as Readable,
      (body) => this.#take(body),
      (what) => this.#speaksNonsense(what),
    );
    // As above: its end tells the rest.
    (zygote.stdio[PACKETS_FD] as Writable).on("error", () => undefined);
    zygote.on("error", (error) => this.#died(error.message));
    zygote.on("exit", (code, signal) => this.#died(describeEnd(code, signal, this.#description.childMemory)));
  }

  #take(body: Uint8Array): void {
    const notice = decodeNotice(body);
    const heard = this.#children.get(notice.id);
    if (notice.type === "part") {
      heard?.frames.push(notice.bytes);
    } else if (notice.type === "handled") {
      heard?.listener.answer({ type: "settled", outcome: null });
    } else {
      this.#children.delete(notice.id);
      const code = (notice.status >> 8) & 0xff;
      const signal = SIGNALS.get(notice.status & 0x7f) ?? null;
      heard?.listener.ended(describeEnd(code, signal, this.#description.childMemory));
    }
  }

  /** Something else was written to the descriptor of the answers. What follows cannot be told apart any more. */
  #speaksNonsense(what: string): void {
    this.#reason = what;
    void this.kill();
  }

  /** The children die with it: the system kills them. */
  #died(how: string): void {
    this.#isDead = true;
    const children = [...this.#children.values()];
    this.#children.clear();
    for (const { listener } of children) listener.ended(`the process that forks ended: ${this.#reason ?? how}`);
  }
}
