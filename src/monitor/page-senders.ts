import { type OscPacket, OscBundle, decode, encode } from "../codec/index.ts";
import type { ReceivedMessage } from "../client/index.ts";
import { OscError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type SendCommand, encodeFailed, encodeReply, encodeSent } from "./feed-protocol.ts";

/** What sends to one place and hears what comes back; the clients of the library are such. */
interface Sender {
  readonly clientAddress: NetAddress | null;
  open(): Promise<NetAddress>;
  sendBytes(packet: Uint8Array): Promise<void>;
  receive(): AsyncIterable<ReceivedMessage>;
  close(): Promise<void>;
}

/**
 * Makes a sender for what was typed as a target. `onError` is for what goes wrong later, such as a send that the other machine refused.
 *
 * @throws Error whose message says what is wrong with the target
 */
export type SenderFactory = (target: string, onError: (error: OscError) => void) => { readonly sender: Sender; readonly transport: string };

/** A page that sends to more places than this closes the socket that it has not used for longest. */
const MAX_SENDERS = 8;

interface OpenSender {
  readonly sender: Sender;
  readonly transport: string;
  /** The newest command, which replies are shown with. */
  id: number;
}

/** The sockets that one page sends from. They stay open, so that replies which come late are shown too. */
export class PageSenders {
  readonly #factory: SenderFactory;
  readonly #answer: (frame: Uint8Array) => void;
  /** By target, the one used last at the end. */
  readonly #senders = new Map<string, OpenSender>();

  constructor(factory: SenderFactory, answer: (frame: Uint8Array) => void) {
    this.#factory = factory;
    this.#answer = answer;
  }

  /** Never rejects: what fails is told to the page. */
  async send({ id, target, packet }: SendCommand): Promise<void> {
    try {
      decode(packet);
      const open = this.#senders.get(target) ?? this.#create(target);
      this.#senders.delete(target);
      this.#senders.set(target, open);
      open.id = id;
      await open.sender.open();
      await open.sender.sendBytes(packet);
      const { clientAddress } = open.sender;
      this.#answer(encodeSent(id, clientAddress === null ? "" : formatAddress(clientAddress)));
    } catch (error) {
      this.#answer(encodeFailed(id, error instanceof Error ? error.message : String(error)));
    }
  }

  async close(): Promise<void> {
    const senders = [...this.#senders.values()];
    this.#senders.clear();
    await Promise.all(senders.map(({ sender }) => sender.close()));
  }

  #create(target: string): OpenSender {
    const made = this.#factory(target, (error) => this.#answer(encodeFailed(open.id, error.message)));
    const open: OpenSender = { ...made, id: 0 };
    const [oldest] = this.#senders;
    if (oldest !== undefined && this.#senders.size >= MAX_SENDERS) {
      this.#senders.delete(oldest[0]);
      void oldest[1].sender.close();
    }
    void this.#hear(open, target);
    return open;
  }

  async #hear(open: OpenSender, target: string): Promise<void> {
    try {
      for await (const { message, timeTag, from } of open.sender.receive()) {
        const packet: OscPacket = timeTag === null ? message : new OscBundle(message, timeTag);
        this.#answer(
          encodeReply(open.id, { time: Date.now(), from: formatAddress(from), transport: open.transport, bytes: encode(packet) }),
        );
      }
    } catch (error) {
      // A socket that cannot be opened is told of by the send that wanted it.
      if (!(error instanceof OscError)) throw error;
    }
    if (this.#senders.get(target) === open) this.#senders.delete(target);
  }
}
