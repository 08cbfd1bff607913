import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { OscError } from "../../errors.ts";
import type { WakeSignal } from "../io-thread/wake-signal.ts";
import type { WorkerService } from "../pool/worker-role.ts";
import type { PacketResult } from "../../packet-result.ts";
import type { ThreadInbox } from "./thread-inbox.ts";
import type { ToThread } from "./thread-messages.ts";
import { TELL_MS, type ThreadOutbox } from "./thread-outbox.ts";
import { systemThreadId } from "./thread-state.ts";

/** What a thread has to do with its pool. */
export interface ThreadPlace {
  readonly port: MessagePort;
  readonly doorbell: WakeSignal;
  readonly inbox: ThreadInbox;
  readonly outbox: ThreadOutbox;
  /** Ends the thread. */
  readonly end: () => never;
}

/** So many packets are handled in one turn of the event loop; then all else has its turn. */
const PACKETS_AT_ONCE = 64;

/** After so many packets a thread that blocks looks at the clock: that takes as long as a third of a small packet does. */
const PACKETS_PER_LOOK = 16;

/** Handles packets, blocked, until the thread is to end. */
export function serveBlocked(service: WorkerService, { port, doorbell, inbox, outbox, end }: ThreadPlace): never {
  outbox.say({ type: "ready", strictTiming: service.strictTiming, systemId: systemThreadId() });
  let mailRead = -1;
  for (;;) {
    const { rings, mail } = doorbell;
    if (mail !== mailRead) {
      mailRead = mail;
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
        inbox.take(next.message as ToThread);
    }
    serveAll(service, inbox, outbox);
    if (inbox.isEnding) end();
    doorbell.sleep(rings, outbox.hasUntold ? TELL_MS : Infinity);
    if (outbox.hasUntold && doorbell.rings === rings) outbox.tell();
  }
}

/** Handles the packets that lie ready. */
function serveAll(service: WorkerService, inbox: ThreadInbox, outbox: ThreadOutbox): void {
  let unclocked = 0;
  let before = 0;
  const look = (): void => {
    const now = performance.now();
    if (unclocked > 0) outbox.worked(now - before);
    before = now;
    unclocked = 0;
  };
  while (inbox.next()) {
    if (before === 0) look();
    const { id } = inbox;
    const outcome = service.run(inbox.data, inbox.client, inbox.asOf, new Sink(id, outbox)) as PacketResult;
    unclocked += 1;
    if (unclocked === PACKETS_PER_LOOK) look();
    outbox.settle(id, outcome);
  }
  if (unclocked > 0) look();
}

/** Handles packets in the event loop, so that handlers may await something; at most `packetsAtOnce` side by side. */
export class LoopServer {
  readonly #service: WorkerService;
  readonly #inbox: ThreadInbox;
  readonly #outbox: ThreadOutbox;
  readonly #packetsAtOnce: number;
  readonly #end: () => never;
  #running = 0;
  #next: NodeJS.Immediate | null = null;
  #later: NodeJS.Timeout | null = null;

  constructor(service: WorkerService, { port, inbox, outbox, end }: ThreadPlace, packetsAtOnce: number) {
    this.#service = service;
    this.#end = end;
    this.#inbox = inbox;
    this.#outbox = outbox;
    this.#packetsAtOnce = packetsAtOnce;
    port.on("message", (message: ToThread) => {
      inbox.take(message);
      this.#serve();
    });
    outbox.say({ type: "ready", strictTiming: service.strictTiming, systemId: systemThreadId() });
    this.#serve();
  }

  #serve(): void {
    if (this.#next !== null) return;
    for (let left = PACKETS_AT_ONCE; this.#running < this.#packetsAtOnce; left -= 1) {
      if (left === 0) {
        this.#next = setImmediate(() => {
          this.#next = null;
          this.#serve();
        });
        return;
      }
      if (!this.#inbox.next()) {
        // Whatever comes after this wakes the event loop; so look once more at what came before.
        this.#inbox.sleep();
        if (!this.#inbox.next()) break;
      }
      this.#handle();
    }
    if (this.#outbox.hasUntold && this.#later === null) this.#later = setTimeout(() => this.#tell(), TELL_MS);
    if (this.#inbox.isEnding && this.#running === 0) this.#end();
  }

  #tell(): void {
    this.#later = null;
    this.#outbox.tell();
  }

  #handle(): void {
    const { id, data, client, asOf } = this.#inbox;
    const before = performance.now();
    const settle = (outcome: PacketResult): void => {
      this.#outbox.settle(id, outcome, performance.now() - before);
    };
    const outcome = this.#service.run(data, client, asOf, new Sink(id, this.#outbox));
    if (!(outcome instanceof Promise)) return settle(outcome);
    this.#running += 1;
    // It never rejects.
    void outcome.then((late) => {
      this.#running -= 1;
      settle(late);
      this.#serve();
    });
  }
}

/** Where the replies and errors of a packet go. A class and not closures, for it is made for every packet. */
class Sink {
  readonly #id: number;
  readonly #outbox: ThreadOutbox;

  constructor(id: number, outbox: ThreadOutbox) {
    this.#id = id;
    this.#outbox = outbox;
  }

  reply(data: Uint8Array): void {
    this.#outbox.reply(this.#id, data);
  }

  report(error: OscError): void {
    this.#outbox.report(this.#id, error);
  }
}
