/** The client of the `kinds` benchmark. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { OscMessage, decode, encode, int } from "../../src/codec/index.ts";

/** Sends numbered messages to one server and times each reply. */
export class Client {
  readonly socket: Socket;
  readonly #sent = new Map<number, number>();
  readonly times: number[] = [];
  #arrived: (() => void) | null = null;
  #nextId = 1_000_000;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (data) => {
      const packet = decode(data);
      const id = packet instanceof OscMessage ? (packet.args[0] as number) : -1;
      const at = this.#sent.get(id);
      if (at === undefined) return;
      this.#sent.delete(id);
      this.times.push(performance.now() - at);
      this.#arrived?.();
    });
  }

  static async to(port: number): Promise<Client> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
    await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
    return new Client(socket);
  }

  send(address: string, id: number): void {
    this.#sent.set(id, performance.now());
    this.socket.send(encode(new OscMessage(address, [int(id)])));
  }

  /** One message at a time. A lost message costs a second. */
  async echo(rounds: number): Promise<void> {
    for (let id = 0; id < rounds; id += 1) {
      await new Promise<void>((resolve) => {
        const patience = setTimeout(resolve, 1000);
        this.#arrived = () => {
          clearTimeout(patience);
          resolve();
        };
        this.send("/echo", id);
      });
    }
  }

  /** Sends at this rate for this long, then waits a second for late replies. */
  async pace(address: string, rate: number, seconds: number): Promise<number> {
    const started = performance.now();
    let sent = 0;
    while (sent < rate * seconds) {
      const due = Math.min(rate * seconds, Math.floor(((performance.now() - started) * rate) / 1000) + 1);
      for (; sent < due; sent += 1) this.send(address, this.#nextId++);
      await delay(1);
    }
    const deadline = performance.now() + 1000;
    while (this.#sent.size > 0 && performance.now() < deadline) await delay(10);
    return sent;
  }

  /** Keeps `outstanding` messages in flight for `seconds`; gives up on a message after a second. Returns the replies per second. */
  async keep(address: string, outstanding: number, seconds: number): Promise<number> {
    const before = this.times.length;
    const started = performance.now();
    const fill = (): void => {
      const now = performance.now();
      for (const [id, at] of this.#sent) if (now - at > 1000) this.#sent.delete(id);
      if (now - started < seconds * 1000) while (this.#sent.size < outstanding) this.send(address, this.#nextId++);
    };
    this.#arrived = fill;
    fill();
    while (performance.now() - started < seconds * 1000 || this.#sent.size > 0) {
      await delay(10);
      fill();
    }
    this.#arrived = null;
    return ((this.times.length - before) * 1000) / (performance.now() - started);
  }

  /** Discards everything sent and timed so far, including late replies. */
  forget(): void {
    this.times.length = 0;
    this.#sent.clear();
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, "close");
  }
}
