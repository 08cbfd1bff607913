import { OscServerError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Keeper } from "./keeper.ts";
import type { BatchDone, PacketLink, PacketLinkEvents, PacketLinkFactory } from "./packet-link.ts";
import type { SendDone } from "./send-promise.ts";

/** What waits to be sent until the link is open. */
interface Waiting {
  transmit(link: PacketLink): void;
  fail(error: OscError): void;
}

/**
 * Keeps one link for a client: opens it when it is first needed, sends in order what was given while it opened, opens another when it has
 * ended by itself, and closes it when nothing is on its way any more.
 */
export class LinkKeeper implements Keeper {
  readonly #createLink: PacketLinkFactory;
  readonly #events: PacketLinkEvents;
  #link: PacketLink | null = null;
  #opening: Promise<NetAddress> | null = null;
  #closing: Promise<void> | null = null;
  /** Where the link is bound, once it is open. */
  #address: NetAddress | null = null;
  #session = 0;
  readonly #waiting: Waiting[] = [];
  #onTheWay = 0;
  #drained: (() => void) | null = null;
  #holds = 0;

  constructor(createLink: PacketLinkFactory, events: PacketLinkEvents) {
    this.#createLink = createLink;
    this.#events = events;
  }

  get address(): NetAddress | null {
    return this.#address;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  get session(): number {
    return this.#session;
  }

  async open(): Promise<NetAddress> {
    if (this.#closing !== null) {
      await this.#closing;
      this.#closing = null;
    }
    return this.#opened();
  }

  listen(): Promise<NetAddress> {
    return this.open();
  }

  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    this.#whenOpen({ transmit: (link) => this.#transmit(link, packet, to, done), fail: done });
  }

  /** Sends packets together, when the link is open. Never throws. */
  sendBatch(packets: readonly Uint8Array[], done: BatchDone): void {
    this.#whenOpen({
      transmit: (link) => this.#transmitBatch(link, packets, done),
      fail: (error) => packets.forEach((_, index) => done(index, error)),
    });
  }

  hold(): () => void {
    this.#holds += 1;
    if (this.#holds === 1 && this.#address !== null) this.#link?.keepAlive("on");
    return () => {
      this.#holds -= 1;
      if (this.#holds === 0 && this.#address !== null) this.#link?.keepAlive("off");
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#session += 1;
    await this.#opening?.catch(() => undefined);
    if (this.#onTheWay > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      this.#drained = null;
    }
    const link = this.#link;
    this.#forgetLink();
    await link?.close();
  }

  #opened(): Promise<NetAddress> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<NetAddress> {
    const link = this.#createLink({
      onPacket: (packet, from) => {
        if (this.#closing === null) this.#events.onPacket(packet, from);
      },
      onError: (error, address) => this.#events.onError(error, address),
      onEnd: (error) => this.#end(link, error),
    });
    let address: NetAddress;
    try {
      address = await link.open();
    } catch (error) {
      this.#opening = null;
      for (const waiting of this.#waiting.splice(0)) waiting.fail(error as OscError);
      throw error;
    }
    this.#link = link;
    this.#address = address;
    if (this.#holds > 0) link.keepAlive("on");
    for (const waiting of this.#waiting.splice(0)) waiting.transmit(link);
    return address;
  }

  #whenOpen(waiting: Waiting): void {
    if (this.#closing !== null) {
      waiting.fail(new OscServerError("OSC_CLOSED", "The client is closed: open() it again, or make another."));
    } else if (this.#link !== null && this.#address !== null) {
      waiting.transmit(this.#link);
    } else {
      this.#waiting.push(waiting);
      // Where that fails, each packet is told.
      this.#opened().catch(() => undefined);
    }
  }

  #transmit(link: PacketLink, packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    this.#onTheWay += 1;
    link.send(packet, to, (error) => {
      this.#arrived();
      done(error);
    });
  }

  #transmitBatch(link: PacketLink, packets: readonly Uint8Array[], done: BatchDone): void {
    if (link.sendBatch === undefined) {
      for (const [index, packet] of packets.entries()) this.#transmit(link, packet, null, (error) => done(index, error));
      return;
    }
    this.#onTheWay += packets.length;
    link.sendBatch(packets, (index, error) => {
      this.#arrived();
      done(index, error);
    });
  }

  /** A packet is no longer on its way out. */
  #arrived(): void {
    this.#onTheWay -= 1;
    if (this.#onTheWay === 0) this.#drained?.();
  }

  /** The link has ended by itself. */
  #end(link: PacketLink, error: OscError | null): void {
    if (this.#link !== link) return;
    this.#session += 1;
    this.#forgetLink();
    this.#events.onEnd(error);
  }

  #forgetLink(): void {
    this.#link = null;
    this.#opening = null;
    this.#address = null;
  }
}
