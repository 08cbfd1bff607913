import type { OscServerError } from "../../errors.ts";
import { compiledFile } from "../../package-files.ts";
import { WakeSignal } from "./wake-signal.ts";
import { startOwnThread, threadFailed } from "./own-thread.ts";
import type { FromReceiver, ReceiverInit } from "./receiver-messages.ts";

/** How long the end of the process waits for a thread that is just starting. */
const START_MS = 10_000;

/** A thread that receives, from its start to its end. */
export class ReceiverThread {
  /** Resolves when it receives; rejects where it ends before. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended, with what is to be said where it was not told to. */
  readonly ended: Promise<OscServerError>;
  readonly #started: WakeSignal;

  /** @throws OscServerError `OSC_THREAD_FAILED` where its file is missing */
  constructor(shared: Omit<ReceiverInit, "started">, onMessage: (message: FromReceiver) => void) {
    const started = new SharedArrayBuffer(WakeSignal.byteLength);
    this.#started = new WakeSignal(started);
    const worker = startOwnThread(
      compiledFile("server/io-thread/receiver-entry.js"),
      { ...shared, started } satisfies ReceiverInit,
      [],
      "oscine receiver",
    );
    let thrown: unknown;
    worker.on("error", (error) => {
      thrown = error;
    });
    worker.on("message", onMessage);
    this.ended = new Promise((resolve) => {
      worker.once("exit", (code) => resolve(threadFailed(`its receiver ended with exit code ${code}`, thrown)));
    });
    this.ready = new Promise((resolve, reject) => {
      // The first that it says is that it receives.
      worker.once("message", () => resolve());
      void this.ended.then(reject);
    });
  }

  /** Waits, blocked, until it has started. */
  awaitStart(): void {
    const { rings } = this.#started;
    if (this.#started.pulse === 0) this.#started.sleep(rings, START_MS);
  }
}
