import { readSync, writeSync } from "node:fs";
import type { ForkingInit } from "./child-frames.ts";
import type { ForkCalls, Forked, Pipe } from "./fork-calls.ts";
import { PIECE } from "./fork-frames.ts";
import { PollTable } from "./poll-table.ts";

/** A child that has been forked. */
interface Child extends Forked {
  /** The number of its order; null while it waits for one. */
  id: number | null;
  /** By which its order comes. Null where it was forked with it. */
  readonly pipe: Pipe | null;
  isKilled: boolean;
}

export interface ZygoteChildrenSetup extends ForkingInit {
  readonly calls: ForkCalls;
  /** By this descriptor orders come. */
  readonly ordersFd: number;
  /** In a child: carries out its order. */
  readonly carryOut: (order: Buffer) => void;
  /** The child with this order has ended and been waited for. */
  readonly onEnd: (id: number, status: number) => void;
  /** There was no room for a child with this order. */
  readonly onFailure: (id: number, error: unknown) => void;
}

/**
 * The children of a zygote: those that have an order, and spare ones, which were forked before and wait for one, so that an order does not wait
 * for the fork. A spare child is a copy of the same process as any other: what the zygote does for orders changes nothing in the program.
 */
export class ZygoteChildren {
  readonly #setup: ZygoteChildrenSetup;
  readonly #children: Child[] = [];
  readonly #spares: Child[] = [];
  /** The first place is that of the orders; the child at each of the others is in `#children`, one place before. */
  readonly #polls = new PollTable();
  /** Those of children that have ended. */
  readonly #pipes: Pipe[] = [];
  readonly #order = Buffer.allocUnsafeSlow(PIECE);
  /** True when the last child has ended well: only then others are forked without need. */
  #maySpare = false;

  constructor(setup: ZygoteChildrenSetup) {
    this.#setup = setup;
    this.#polls.add(setup.ordersFd);
  }

  /** Waits until orders can be read. Meanwhile children that have ended are forgotten, and spare ones are forked. */
  awaitOrders(): void {
    const { calls } = this.#setup;
    for (;;) {
      const lacksSpare = this.#lacksSpare;
      calls.awaitReadable(this.#polls, lacksSpare ? 0 : -1);
      const hasOrders = this.#polls.isReadable(0);
      this.#reap();
      if (hasOrders) return;
      if (lacksSpare) this.#forkSpare();
    }
  }

  /** Lets a child carry out an order: one that waits, or another. */
  give(id: number, order: Buffer): void {
    const spare = order.length > PIECE ? undefined : this.#spares.shift();
    if (spare === undefined) return this.#fork(id, order);
    spare.id = id;
    // It fits into the pipe, which is empty.
    writeSync((spare.pipe as Pipe).write, order);
  }

  kill(id: number): void {
    const child = this.#children.find((one) => one.id === id);
    if (child === undefined) return;
    child.isKilled = true;
    this.#setup.calls.kill(child.pid);
  }

  /** Ends all of them. */
  end(): void {
    const { calls } = this.#setup;
    for (const { pid } of this.#children) calls.kill(pid);
    for (const child of this.#children) calls.reap(child);
  }

  get #lacksSpare(): boolean {
    const { maxChildren, spareChildren } = this.#setup;
    return this.#maySpare && this.#spares.length < spareChildren && this.#children.length < maxChildren;
  }

  #fork(id: number, order: Buffer): void {
    const { calls, carryOut, onFailure } = this.#setup;
    let forked: Forked | null;
    try {
      forked = calls.fork();
    } catch (error) {
      return onFailure(id, error);
    }
    if (forked === null) return this.#live(() => carryOut(order));
    this.#add({ id, ...forked, pipe: null, isKilled: false });
  }

  #forkSpare(): void {
    const { calls, carryOut } = this.#setup;
    try {
      const pipe = this.#pipes.pop() ?? calls.pipe();
      const forked = calls.fork();
      if (forked === null) return this.#live(() => carryOut(this.#read(pipe)));
      const spare = { id: null, ...forked, pipe, isKilled: false };
      this.#add(spare);
      this.#spares.push(spare);
    } catch {
      // No need to say so: if there is no room for a child that has an order either, that is told.
      this.#maySpare = false;
    }
  }

  /** The life of a child. */
  #live(work: () => void): never {
    const { calls } = this.#setup;
    try {
      work();
      return calls.exit(0);
    } catch {
      return calls.exit(1);
    }
  }

  #add(child: Child): void {
    this.#children.push(child);
    this.#polls.add(child.pidfd);
  }

  /** Waits for the children that have ended, the last first, for the last takes the place of one that is taken out. */
  #reap(): void {
    for (let index = this.#children.length - 1; index >= 0; index -= 1) {
      if (!this.#polls.isReadable(index + 1)) continue;
      const child = this.#children[index] as Child;
      const last = this.#children.pop() as Child;
      if (last !== child) this.#children[index] = last;
      this.#polls.remove(index + 1);
      this.#ended(child, this.#setup.calls.reap(child));
    }
  }

  #ended(child: Child, status: number): void {
    const { id, pipe, isKilled } = child;
    this.#maySpare = status === 0;
    const unread = pipe === null || status === 0 ? null : this.#unread(pipe);
    if (pipe !== null) this.#pipes.push(pipe);
    if (id === null) this.#spares.splice(this.#spares.indexOf(child), 1);
    // One that had died before it looked is none that failed at its order.
    else if (unread !== null && !isKilled) this.#fork(id, unread);
    else this.#setup.onEnd(id, status);
  }

  /** What a child has left in its pipe. */
  #unread(pipe: Pipe): Buffer | null {
    return this.#setup.calls.isFilled(pipe) ? this.#read(pipe) : null;
  }

  #read({ read }: Pipe): Buffer {
    return this.#order.subarray(0, readSync(read, this.#order));
  }
}
