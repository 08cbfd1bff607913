import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { WebSocket } from "ws";
import { type OscPacket, OscMessage, decode, encode } from "../../src/codec/index.ts";
import { type Framing, createFrameDecoder, encodeFrame } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";

export type TransportName = "udp" | "tcp-1.0" | "tcp-1.1" | "unix" | "websocket";

/** The other side of a server, over any transport, made of sockets alone and of nothing of ours. */
export interface Wire {
  /** The port from which it sends; 0 where there is none. */
  readonly port: number;
  sendBytes(bytes: Uint8Array): void;
  onPacket(listener: (packet: Uint8Array) => void): void;
  close(): Promise<void>;
}

/** Connects to a server. */
export async function openWire(transport: TransportName, address: NetAddress): Promise<Wire> {
  if (transport === "websocket") return websocketWire(address);
  return transport === "udp" ? udpWire(address) : streamWire(transport === "tcp-1.0" ? "1.0" : "1.1", address);
}

async function udpWire({ address, port }: NetAddress): Promise<Wire> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  let isOpen = true;
  return {
    port: socket.address().port,
    sendBytes: (bytes) => socket.send(bytes, port, address),
    onPacket: (listener) => socket.on("message", listener),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      socket.close();
      await once(socket, "close");
    },
  };
}

async function streamWire(framing: Framing, { address, port, family }: NetAddress): Promise<Wire> {
  const socket = family === "unix" ? connect(address) : connect(port, address);
  await once(socket, "connect");
  socket.on("error", () => undefined);
  const listeners: ((packet: Uint8Array) => void)[] = [];
  const decoder = createFrameDecoder(framing, {
    onPacket: (packet) => listeners.forEach((listener) => listener(packet)),
    onError: (error) => {
      throw error;
    },
  });
  socket.on("data", (bytes: Uint8Array) => decoder.push(bytes));
  return {
    port: family === "unix" ? 0 : (socket.localPort ?? 0),
    sendBytes: (bytes) => socket.write(encodeFrame(bytes, framing)),
    onPacket: (listener) => listeners.push(listener),
    close: async () => {
      if (socket.destroyed) return;
      socket.destroy();
      await once(socket, "close");
    },
  };
}

async function websocketWire({ address, port }: NetAddress): Promise<Wire> {
  const socket = new WebSocket(`ws://${address}:${port}`);
  let local = 0;
  socket.on("upgrade", (response) => {
    local = (response.socket.address() as AddressInfo).port;
  });
  socket.on("error", () => undefined);
  await once(socket, "open");
  return {
    port: local,
    sendBytes: (bytes) => socket.send(bytes),
    onPacket: (listener) => socket.on("message", (data) => listener(new Uint8Array(data as Buffer))),
    close: async () => {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.terminate();
      await once(socket, "close");
    },
  };
}

/** A correspondent of a server: sends packets, and waits for what comes back. */
export class Correspondent {
  readonly wire: Wire;
  readonly #arrived: OscPacket[] = [];
  #wake = (): void => undefined;

  constructor(wire: Wire) {
    this.wire = wire;
    wire.onPacket((packet) => {
      this.#arrived.push(decode(packet));
      this.#wake();
    });
  }

  send(...packets: (OscPacket | Uint8Array)[]): void {
    for (const packet of packets) this.wire.sendBytes(packet instanceof Uint8Array ? packet : encode(packet));
  }

  async next(): Promise<OscPacket> {
    while (this.#arrived.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#arrived.shift() as OscPacket;
  }

  /** The next packets, each as its address and arguments. */
  async nextMessages(count: number): Promise<(readonly unknown[])[]> {
    const messages: (readonly unknown[])[] = [];
    while (messages.length < count) {
      const packet = await this.next();
      if (!(packet instanceof OscMessage)) throw new Error("a bundle came where a message was expected");
      messages.push([packet.address, ...packet.args]);
    }
    return messages;
  }

  /** Sends one message and waits for one. */
  async ask(address: string, ...args: ConstructorParameters<typeof OscMessage>[1][]): Promise<readonly unknown[]> {
    this.send(new OscMessage(address, args as NonNullable<ConstructorParameters<typeof OscMessage>[1]>));
    return (await this.nextMessages(1))[0] ?? [];
  }
}
