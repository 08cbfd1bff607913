import { OscServerError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Keeper, Unsent } from "./keeper.ts";
import type { PacketLink, PacketLinkEvents, PacketLinkFactory } from "./packet-link.ts";
import type { SendDone } from "./send-promise.ts";

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
  readonly #unsent: Unsent[] = [];
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
    if (this.#closing !== null) {
      done(new OscServerError("OSC_CLOSED", "The client is closed: open() it again, or make another."));
    } else if (this.#link !== null && this.#address !== null) {
      this.#transmit(this.#link, { packet, to, done });
    } else {
      this.#unsent.push({ packet, to, done });
      // Where that fails, each packet is told.
      this.#opened().catch(() => undefined);
    }
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
      for (const { done } of this.#unsent.splice(0)) done(error as OscError);
      throw error;
    }
    this.#link = link;
    this.#address = address;
    if (this.#holds > 0) link.keepAlive("on");
    for (const unsent of this.#unsent.splice(0)) this.#transmit(link, unsent);
    return address;
  }

  #transmit(link: PacketLink, { packet, to, done }: Unsent): void {
    this.#onTheWay += 1;
    link.send(packet, to, (error) => {
      this.#onTheWay -= 1;
      if (this.#onTheWay === 0) this.#drained?.();
      done(error);
    });
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
