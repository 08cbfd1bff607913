import { startOwnThread, threadFailed } from "./own-thread.ts";
import { PacketReader } from "./packet-records.ts";
import { RingReader, ringMemory } from "./shared-ring.ts";
import { SocketTurn } from "./socket-turn.ts";

/** Room for what arrives during a handler. The system provides memory only for what is used. */
const CAPACITY = 32 * 1024 * 1024;

/** The `workerData` of the draining thread. */
export interface DrainInit {
  readonly fd: number;
  readonly turn: SharedArrayBuffer;
  readonly packets: SharedArrayBuffer;
}

/**
 * A thread that receives while the serving thread is busy with a handler, because the kernel's buffer may hold no more than a few hundred
 * packets. It sleeps while handlers are quick.
 */
export class DrainThread {
  readonly turn: SocketTurn;
  /** What was drained. To be read between `turn.come()` and `turn.leave()`. */
  readonly packets: PacketReader;

  /**
   * @param fd the socket
   * @param onFailure called, in the event loop, if the thread ends by itself
   * @throws OscServerError `OSC_THREAD_FAILED` if its file is missing or it doesn't start
   */
  constructor(fd: number, onFailure: (error: unknown) => void) {
    const turn = new SharedArrayBuffer(SocketTurn.byteLength);
    const packets = ringMemory(CAPACITY);
    this.turn = new SocketTurn(turn);
    this.packets = new PacketReader(new RingReader(packets));
    this.turn.leave();
    const init: DrainInit = { fd, turn, packets };
    const worker = startOwnThread(() => new URL("./drain-entry.js", import.meta.url), init, [], "oscine drain");
    worker.on("error", onFailure);
    worker.unref();
    // The process would be aborted if it ended while a thread loads koffi.
    if (!this.turn.awaitReady()) throw threadFailed("the draining thread did not start");
  }
}
