/** What a thread that receives is started with: its `workerData`. */
export interface ReceiverInit {
  readonly fd: number;
  /** The memory of the ring into which it puts datagrams. */
  readonly ring: SharedArrayBuffer;
  /** The memory of the `WakeSignal` that wakes it where it waits for room in the ring. Mail means that it is to end. */
  readonly doorbell: SharedArrayBuffer;
  /** The memory of the `WakeSignal` that it rings when it has started, and then has a pulse. */
  readonly started: SharedArrayBuffer;
}

/** From a thread that receives to the event loop. */
export type FromReceiver =
  /** It receives from now on. */
  | "ready"
  /** There are datagrams in the ring, and the flag that the reader sleeps was raised. */
  | "datagrams"
  /** The system could not receive. It goes on. */
  | { readonly code: string };
