import { type RemoteInfo, type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { OscMessage, type OscPacket, decode, encode } from "../../src/codec/index.ts";

export interface Arrival {
  readonly packet: OscPacket;
  readonly bytes: Uint8Array;
  readonly from: RemoteInfo;
}

/** The other side: a plain socket on an ephemeral port that keeps what arrives, and says what it is told to say. */
export class Peer {
  readonly socket: Socket;
  readonly #arrived: Arrival[] = [];
  /** The addresses of all messages that have arrived. */
  readonly addresses: string[] = [];
  readonly #waiting: ((arrival: Arrival) => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (bytes: Buffer, from) => {
      const arrival = { packet: decode(bytes), bytes, from };
      if (arrival.packet instanceof OscMessage) this.addresses.push(arrival.packet.address);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#arrived.push(arrival);
      else waiting(arrival);
    });
  }

  static async open(host = "127.0.0.1"): Promise<Peer> {
    const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4", recvBufferSize: 4 * 1024 * 1024 });
    socket.bind(0, host);
    await once(socket, "listening");
    onTestFinished(() => void socket.close());
    return new Peer(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** The next packet that has arrived or arrives. */
  next(): Promise<Arrival> {
    const arrival = this.#arrived.shift();
    if (arrival !== undefined) return Promise.resolve(arrival);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** How many packets have arrived that `next` has not given out. */
  get unread(): number {
    return this.#arrived.length;
  }

  /** Sends a packet, or any bytes; resolves when the system has it, and over loopback the receiver's buffer has it then, too. */
  say(packet: OscPacket | Uint8Array, port: number, host = "127.0.0.1"): Promise<void> {
    const bytes = packet instanceof Uint8Array ? packet : encode(packet);
    return new Promise((resolve, reject) => {
      this.socket.send(bytes, port, host, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Answers every message with what `answer` makes of it, from now on. */
  answerAll(answer: (message: OscMessage, arrival: Arrival) => OscPacket | null): void {
    void this.next().then(async (arrival) => {
      if (arrival.packet instanceof OscMessage) {
        const reply = answer(arrival.packet, arrival);
        if (reply !== null) await this.say(reply, arrival.from.port, arrival.from.address);
      }
      this.answerAll(answer);
    });
  }
}
