import type { NetAddress } from "../../net-address.ts";
import { PacketReader } from "../io-thread/packet-records.ts";
import { READER_SLEEPS, RingReader } from "../io-thread/shared-ring.ts";
import type { PacketMessage, ToThread } from "./thread-messages.ts";

/** What has come for a thread: packets in its ring, and by the port those that are too large for it. After `next`, its fields tell of a packet. */
export class ThreadInbox {
  id = 0;
  asOf = 0;
  client: NetAddress = { address: "", port: 0, family: "IPv4" };
  data: Uint8Array = new Uint8Array(0);
  /** The thread is to end when nothing is left to do. */
  isEnding = false;
  readonly #ring: RingReader;
  readonly #reader: PacketReader;
  readonly #byPort: PacketMessage[] = [];

  constructor(packets: SharedArrayBuffer) {
    this.#ring = new RingReader(packets);
    this.#reader = new PacketReader(this.#ring, () => {
      throw new Error("A packet that is too large for the ring came by it.");
    });
  }

  /** A message has come by the port. */
  take(message: ToThread): void {
    if (message === null) return;
    if (message.type === "end") this.isEnding = true;
    else this.#byPort.push(message);
  }

  /** Takes a packet; false where there is none. */
  next(): boolean {
    const message = this.#byPort.shift();
    if (message !== undefined) this.#set(message);
    else if (this.#reader.next()) this.#set(this.#reader);
    else return false;
    return true;
  }

  /** From now on the pool wakes the event loop when something comes. */
  sleep(): void {
    this.#ring.raise(READER_SLEEPS);
  }

  #set({ id, asOf, client, data }: Pick<PacketMessage, "id" | "asOf" | "client" | "data">): void {
    this.id = id;
    this.asOf = asOf;
    this.client = client;
    this.data = data;
  }
}
