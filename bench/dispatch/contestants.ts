import { execFileSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type * as Dispatch from "../../src/dispatch/index.ts";
import { compileProgram } from "../suite/c-program.ts";
import { compiled } from "../suite/compiled.ts";
import { hasNpmPeers, hasPythonOsc } from "../suite/peers.ts";

/** A dispatcher to measure. */
export interface Contestant {
  readonly name: string;
  /** Whether it supports address patterns. */
  readonly patterns: boolean;
  /** Maps a handler that counts its calls to every address. */
  mapped(addresses: readonly string[]): Mapped;
}

export interface Mapped {
  readonly calls: () => number;
  handle(packet: Buffer): void;
}

/** A program that times itself, in nanoseconds per packet. */
export interface Program {
  readonly name: string;
  time(addresses: number, packets: readonly Uint8Array[]): number;
}

export const OSCINE = "oscine";
/** Its methods have types and a range. */
export const DESCRIBED = "oscine, described";

/** In variables, because the compiler can't resolve packages without types. */
const NODE_OSC: string = "node-osc";
const OSC_JS: string = "osc-js";
/** A client. */
export const NOBODY = { address: "127.0.0.1", port: 9000, family: "IPv4" } as const;

export async function contestants(): Promise<Contestant[]> {
  const list = [await oscine(OSCINE), await oscine(DESCRIBED, { types: "f", range: [{ min: 0, max: 1 }] })];
  if (hasNpmPeers()) list.push(await nodeOsc(), await oscDotJs());
  return list;
}

/** The code that all our servers run for a packet, with or without checking its arguments. */
async function oscine(
  name: string,
  description?: { readonly types: "f"; readonly range: [{ min: number; max: number }] },
): Promise<Contestant> {
  const { Dispatcher, handlePacket } = await compiled<typeof Dispatch>("core.js");
  const context = {
    handling: { mode: "async", shutdown: () => undefined },
    clientAddress: NOBODY,
    asOf: Infinity,
    error: (error: Error): never => {
      throw error;
    },
    reply: () => undefined,
  } as const;
  return {
    name,
    patterns: true,
    mapped: (addresses) => {
      let calls = 0;
      const dispatcher = new Dispatcher();
      const count = (_address: string, value: number): undefined => void (calls += value);
      for (const address of addresses) {
        if (description === undefined) dispatcher.map(address, count);
        else dispatcher.map(address, description, count);
      }
      return { calls: () => calls, handle: (packet) => void handlePacket(dispatcher, packet, context) };
    },
  };
}

/** Like its Server: an event named after the message's address. It doesn't support patterns. */
async function nodeOsc(): Promise<Contestant> {
  const library = (await import(NODE_OSC)) as { decode(bytes: Buffer): { address: string; args: { value: number }[] } };
  return {
    name: "node-osc",
    patterns: false,
    mapped: (addresses) => {
      let calls = 0;
      const emitter = new EventEmitter();
      for (const address of addresses) emitter.on(address, ([, value]: [string, number]) => (calls += value));
      return {
        calls: () => calls,
        handle: (packet) => {
          const { address, args } = library.decode(packet);
          const message = [address, ...args.map(({ value }) => value)];
          emitter.emit("message", message, NOBODY);
          emitter.emit(address, message, NOBODY);
        },
      };
    },
  };
}

async function oscDotJs(): Promise<Contestant> {
  interface Packet {
    unpack(view: DataView): unknown;
  }
  interface Osc {
    readonly eventHandler: { dispatch(packet: Packet, from: object): boolean };
    on(address: string, callback: (message: { args: number[] }) => void): number;
  }
  const loaded = (await import(OSC_JS)) as { default: (new (options: object) => Osc) & { Packet: new () => Packet } };
  const Library = loaded.default;
  return {
    name: "osc-js",
    patterns: true,
    mapped: (addresses) => {
      let calls = 0;
      const osc = new Library({ plugin: null });
      for (const address of addresses) osc.on(address, ({ args }) => (calls += args[0] ?? 0));
      return {
        calls: () => calls,
        handle: (bytes) => {
          const packet = new Library.Packet();
          packet.unpack(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
          osc.eventHandler.dispatch(packet, NOBODY);
        },
      };
    },
  };
}

export function programs(): Program[] {
  const list: Program[] = [];
  const liblo = compileProgram("liblo-dispatch.c", ["lo"], "apt install gcc liblo-dev");
  if (liblo !== undefined) list.push(programOf("liblo (C)", [liblo]));
  if (hasPythonOsc()) list.push(programOf("python-osc", ["python3", fileURLToPath(new URL("dispatch.py", import.meta.url))]));
  return list;
}

/** The packets are in one file, each after its size as two bytes. */
function programOf(name: string, [program = "", ...args]: readonly string[]): Program {
  return {
    name,
    time: (addresses, packets) => {
      const folder = mkdtempSync(join(tmpdir(), "oscine-bench-"));
      const file = join(folder, "packets");
      writeFileSync(file, Buffer.concat(packets.flatMap((packet) => [Buffer.from([packet.length >> 8, packet.length & 255]), packet])));
      try {
        return Number(execFileSync(program, [...args, String(addresses), file], { encoding: "utf8" }));
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}
