import { OscServerError } from "../../errors.ts";
import { type PackedError, unpackError } from "./error-transfer.ts";
import {
  FAILED,
  HANDLED,
  LEFTOVER,
  READY,
  REJECTED,
  REPLY,
  REPORT,
  type Ready,
  type RecordBody,
  SHUTDOWN,
  VALUE,
  contentOf,
  explanationOf,
  idOf,
  jsonOf,
  kindOf,
  reasonOf,
  textOf,
  unmatchedOf,
} from "./records.ts";
import type { PoolWorkerEvents } from "./worker.ts";

/** Passes on to the pool what a worker says. */
export class WorkerReports {
  readonly #events: PoolWorkerEvents;
  readonly #strictTiming: boolean;
  readonly #packetId: number | null;
  isReady = false;
  /** Why it ends, if more is known than how. */
  reason: string | null = null;

  /**
   * @param strictTiming what the server takes the dispatcher's to be
   * @param packetId of a worker that numbers its records otherwise: the packet that they all are about
   */
  constructor(events: PoolWorkerEvents, strictTiming: boolean, packetId: number | null = null) {
    this.#events = events;
    this.#strictTiming = strictTiming;
    this.#packetId = packetId;
  }

  take(record: RecordBody): void {
    const events = this.#events;
    const id = this.#packetId ?? idOf(record);
    switch (kindOf(record)) {
      case READY: {
        this.isReady = true;
        const { strictTiming } = jsonOf(record) as Ready;
        if (strictTiming !== this.#strictTiming) events.report(0, timingDiffers(strictTiming));
        return events.ready();
      }
      case REPLY:
        return events.reply(id, contentOf(record));
      case REPORT:
        return events.report(id, unpackError(jsonOf(record) as PackedError));
      case LEFTOVER:
        return events.leftover(id, unpackError(jsonOf(record) as PackedError));
      case HANDLED:
        return events.handled(id, unmatchedOf(record));
      case REJECTED:
        return events.rejected(id, reasonOf(record), explanationOf(record));
      case VALUE:
        return events.value(record);
      case SHUTDOWN:
        return events.shutdown();
      case FAILED:
        this.reason = textOf(record);
    }
  }

  ended(how: string): void {
    this.#events.ended(this.reason ?? how);
  }
}

/** The report about a server that was not told how its handlers module wants bundles to be timed. */
export function timingDiffers(strictTiming: boolean): OscServerError {
  return new OscServerError(
    "OSC_OPTION",
    `The dispatcher of the handlers module has strictTiming ${strictTiming}, which the server does not see: give the server the option strictTiming: ${strictTiming}.`,
  );
}
