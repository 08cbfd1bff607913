import { type OscPacket, OscBundle, decode, encode } from "../codec/index.ts";
import type { ReceivedMessage } from "../client/index.ts";
import type { OscError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type SendCommand, encodeFailed, encodeReply, encodeSent } from "./feed-protocol.ts";

/** Sends to one target and receives replies, as the clients of the library do. */
interface Sender {
  readonly clientAddress: NetAddress | null;
  open(): Promise<NetAddress>;
  sendBytes(packet: Uint8Array): Promise<void>;
  receive(): AsyncIterable<ReceivedMessage>;
  close(): Promise<void>;
}

/**
 * Makes a sender for the target that the user typed. `onError` reports later failures, such as a send that the other machine refused.
 *
 * @throws (rejects) Error whose message says what is wrong with the target
 */
export type SenderFactory = (
  target: string,
  onError: (error: OscError) => void,
) => Promise<{ readonly sender: Sender; readonly transport: string }>;

/** A page that sends to more targets closes the socket that it hasn't used for longest. */
const MAX_SENDERS = 8;

interface OpenSender {
  readonly made: ReturnType<SenderFactory>;
  /** The newest command; replies are shown with it. */
  id: number;
}

/** The sockets that one page sends from. They stay open, so that late replies are shown as well. */
export class PageSenders {
  readonly #factory: SenderFactory;
  readonly #answer: (frame: Uint8Array) => void;
  /** By target, the most recently used one last. */
  readonly #senders = new Map<string, OpenSender>();

  constructor(factory: SenderFactory, answer: (frame: Uint8Array) => void) {
    this.#factory = factory;
    this.#answer = answer;
  }

  /** Never rejects: the page is told what failed. */
  async send({ id, target, packet }: SendCommand): Promise<void> {
    try {
      decode(packet);
      const open = this.#senders.get(target) ?? this.#create(target);
      this.#senders.delete(target);
      this.#senders.set(target, open);
      open.id = id;
      const { sender } = await open.made;
      await sender.open();
      await sender.sendBytes(packet);
      const { clientAddress } = sender;
      this.#answer(encodeSent(id, clientAddress === null ? "" : formatAddress(clientAddress)));
    } catch (error) {
      this.#answer(encodeFailed(id, error instanceof Error ? error.message : String(error)));
    }
  }

  async close(): Promise<void> {
    const senders = [...this.#senders.values()];
    this.#senders.clear();
    await Promise.all(senders.map(closeSender));
  }

  #create(target: string): OpenSender {
    const made = this.#factory(target, (error) => this.#answer(encodeFailed(open.id, error.message)));
    const open: OpenSender = { made, id: 0 };
    const [oldest] = this.#senders;
    if (oldest !== undefined && this.#senders.size >= MAX_SENDERS) {
      this.#senders.delete(oldest[0]);
      void closeSender(oldest[1]);
    }
    void this.#listen(open, target);
    return open;
  }

  async #listen(open: OpenSender, target: string): Promise<void> {
    try {
      const { sender, transport } = await open.made;
      for await (const { message, timeTag, from } of sender.receive()) {
        const packet: OscPacket = timeTag === null ? message : new OscBundle(message, timeTag);
        this.#answer(encodeReply(open.id, { time: Date.now(), from: formatAddress(from), transport, bytes: encode(packet) }));
      }
    } catch {
      // The send that needed the socket reports why it cannot be opened.
    }
    if (this.#senders.get(target) === open) this.#senders.delete(target);
  }
}

async function closeSender({ made }: OpenSender): Promise<void> {
  const opened = await made.catch(() => null);
  await opened?.sender.close();
}
