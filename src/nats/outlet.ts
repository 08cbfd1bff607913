import type { Packet } from "../server/executor.ts";
import type { NatsMessage } from "./nats-message.ts";
import type { PacketHeaders } from "./packet-headers.ts";

/** A packet as it is to be published. */
export interface Outgoing {
  readonly packet: Packet;
  readonly subject: string;
  readonly headers: PacketHeaders;
}

/** How packets get from a front end to NATS: the two deliveries differ in this alone. */
export interface Outlet {
  /** How many packets are on their way. */
  readonly size: number;
  /** Whether a packet of so many bytes would be taken now. */
  hasRoom(size: number): boolean;
  /** Takes the packet where there is room, and calls `events.end` for it. */
  offer(outgoing: Outgoing): boolean;
  /** An answer of NATS to the packet of that number. */
  answered(number: number, message: NatsMessage): void;
  /** The connection stands again. */
  reconnected(): void;
  /** Gives up: what is still on its way is dropped. */
  close(): void;
}
