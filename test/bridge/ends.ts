import { createSocket } from "node:dgram";
import { once } from "node:events";
import { unlinkSync } from "node:fs";
import { type AddressInfo, type Server, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { type Bridge, type BridgeOptions, bridge } from "../../src/bridge/index.ts";
import { type OscPacket, encode } from "../../src/codec/index.ts";
import type { OscError } from "../../src/errors.ts";
import { createFrameDecoder, encodeFrame } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { type TransportName, type Wire, openWire } from "../shared/wire.ts";

export const KINDS: readonly TransportName[] = ["udp", "tcp-1.0", "tcp-1.1", "unix", "websocket"];

let sockets = 0;

/** Where to listen with any free port, as a URL. */
export function anywhere(kind: TransportName): string {
  switch (kind) {
    case "udp":
      return "osc.udp://127.0.0.1:0";
    case "tcp-1.0":
    case "tcp-1.1":
      return "osc.tcp://127.0.0.1:0";
    case "unix":
      return `osc.unix://${join(tmpdir(), `oscine-bridge-${process.pid}-${sockets++}.sock`)}`;
    case "websocket":
      return "ws://127.0.0.1:0";
  }
}

/** The place as a URL. */
export function urlOf(kind: TransportName, { address, port }: NetAddress): string {
  switch (kind) {
    case "udp":
      return `osc.udp://${address}:${port}`;
    case "tcp-1.0":
    case "tcp-1.1":
      return `osc.tcp://${address}:${port}/?framing=${kind.slice(4)}`;
    case "unix":
      return `osc.unix://${address}?framing=1.0`;
    case "websocket":
      return `ws://${address}:${port}/`;
  }
}

/** The receiver behind a bridge, made of the system's sockets: keeps what arrives, and answers where it came from. */
export interface Receiver {
  readonly address: NetAddress;
  readonly packets: Uint8Array[];
  /** How many clients have come; of UDP, how many places packets came from. */
  readonly clients: number;
  /** Called with each packet, and with what answers it. */
  onPacket: (packet: Uint8Array, answer: (packet: Uint8Array) => void) => void;
  /** Sends to all that are connected. */
  sayToAll(packet: Uint8Array): void;
  close(): Promise<void>;
}

export async function receive(kind: TransportName, place: Partial<NetAddress> = {}): Promise<Receiver> {
  const receiver = await (kind === "udp" ? receiveUdp(place) : kind === "websocket" ? receiveWebSocket(place) : receiveStream(kind, place));
  onTestFinished(() => receiver.close());
  return receiver;
}

async function receiveUdp({ port = 0 }: Partial<NetAddress>): Promise<Receiver> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  const places = new Map<string, (packet: Uint8Array) => void>();
  let isOpen = true;
  const receiver = {
    address: { address: "127.0.0.1", port: socket.address().port, family: "IPv4" } as const,
    packets: [] as Uint8Array[],
    get clients() {
      return places.size;
    },
    onPacket: (_packet: Uint8Array, _answer: (packet: Uint8Array) => void): void => undefined,
    sayToAll: (packet: Uint8Array) => places.forEach((say) => say(packet)),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      socket.close();
      await once(socket, "close");
    },
  };
  socket.on("message", (packet: Uint8Array, { address, port }) => {
    const answer = (bytes: Uint8Array): void => socket.send(bytes, port, address);
    places.set(`${address} ${port}`, answer);
    receiver.packets.push(packet);
    receiver.onPacket(packet, answer);
  });
  return receiver;
}

async function receiveStream(kind: TransportName, { address = "127.0.0.1", port = 0 }: Partial<NetAddress>): Promise<Receiver> {
  const framing = kind === "tcp-1.1" ? "1.1" : "1.0";
  const answers = new Set<(packet: Uint8Array) => void>();
  const streams = new Set<{ destroy(): void }>();
  let clients = 0;
  const server: Server = createServer((socket) => {
    clients += 1;
    streams.add(socket);
    socket.on("error", () => undefined);
    const answer = (packet: Uint8Array): void => void socket.write(encodeFrame(packet, framing));
    answers.add(answer);
    const decoder = createFrameDecoder(framing, {
      onPacket: (packet) => {
        receiver.packets.push(new Uint8Array(packet));
        receiver.onPacket(packet, answer);
      },
      onError: (error) => {
        throw error;
      },
    });
    socket.on("data", (bytes: Uint8Array) => decoder.push(bytes));
    socket.on("close", () => {
      answers.delete(answer);
      streams.delete(socket);
    });
  });
  const path = kind === "unix" ? (address === "127.0.0.1" ? anywhere("unix").slice("osc.unix://".length) : address) : null;
  if (path === null) server.listen(port, address);
  else server.listen(path);
  await once(server, "listening");
  const receiver = {
    address:
      path === null
        ? ({ address, port: (server.address() as AddressInfo).port, family: "IPv4" } as const)
        : ({ address: path, port: 0, family: "unix" } as const),
    packets: [] as Uint8Array[],
    get clients() {
      return clients;
    },
    onPacket: (_packet: Uint8Array, _answer: (packet: Uint8Array) => void): void => undefined,
    sayToAll: (packet: Uint8Array) => answers.forEach((say) => say(packet)),
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      for (const stream of streams) stream.destroy();
      await closed;
      if (path !== null) removeFile(path);
    },
  };
  return receiver;
}

async function receiveWebSocket({ port = 0 }: Partial<NetAddress>): Promise<Receiver> {
  const server = new WebSocketServer({ port, host: "127.0.0.1" });
  await once(server, "listening");
  let clients = 0;
  let isOpen = true;
  const receiver = {
    address: { address: "127.0.0.1", port: (server.address() as AddressInfo).port, family: "IPv4" } as const,
    packets: [] as Uint8Array[],
    get clients() {
      return clients;
    },
    onPacket: (_packet: Uint8Array, _answer: (packet: Uint8Array) => void): void => undefined,
    sayToAll: (packet: Uint8Array) => server.clients.forEach((client) => client.send(packet)),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on("connection", (socket: WebSocket) => {
    clients += 1;
    socket.on("message", (data) => {
      receiver.packets.push(new Uint8Array(data as Buffer));
      receiver.onPacket(data as Buffer, (packet) => socket.send(packet));
    });
  });
  return receiver;
}

/** A bridge that is closed when the test is over, and what it reported. */
export async function bridged(
  from: string,
  to: string | readonly string[],
  options: BridgeOptions = {},
): Promise<Bridge & { readonly errors: OscError[] }> {
  const errors: OscError[] = [];
  const opened = await bridge(from, to, { onError: (error) => errors.push(error), ...options });
  onTestFinished(() => opened.close());
  return Object.assign(opened, { errors });
}

/** A client of a bridge, made of the system's sockets. */
export class Client {
  readonly wire: Wire;
  readonly packets: Uint8Array[] = [];

  private constructor(wire: Wire) {
    this.wire = wire;
    wire.onPacket((packet) => this.packets.push(new Uint8Array(packet)));
  }

  static async connect(kind: TransportName, address: NetAddress): Promise<Client> {
    const client = new Client(await openWire(kind, address));
    onTestFinished(() => client.wire.close());
    return client;
  }

  say(...packets: (OscPacket | Uint8Array)[]): void {
    for (const packet of packets) this.wire.sendBytes(packet instanceof Uint8Array ? packet : encode(packet));
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The system did it.
  }
}
