import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileProgram } from "../suite/c-program.ts";

/** A C or C++ codec, compiled here. */
export interface CCodec {
  readonly name: string;
  /** One round: nanoseconds to decode and encode each packet. */
  round(packets: readonly Uint8Array[]): { readonly decode: number; readonly encode: number }[];
}

/** The codecs whose compiler and library are installed. */
export function cCodecs(): CCodec[] {
  const liblo = compileProgram("liblo-codec.c", ["lo"], "apt install gcc liblo-dev");
  const oscpack = compileProgram("oscpack-codec.cpp", ["oscpack"], "apt install g++ liboscpack-dev");
  const programs = [
    { name: "liblo (C)", program: liblo },
    { name: "oscpack (C++)", program: oscpack },
  ];
  return programs.flatMap(({ name, program }) => (program === undefined ? [] : [{ name, round: (packets) => runOnce(program, packets) }]));
}

function runOnce(program: string, packets: readonly Uint8Array[]): { decode: number; encode: number }[] {
  const folder = mkdtempSync(join(tmpdir(), "oscine-bench-"));
  const files = packets.map((packet, i) => {
    const file = join(folder, `${i}.osc`);
    writeFileSync(file, packet);
    return file;
  });
  const lines = execFileSync(program, files, { encoding: "utf8" }).trim().split("\n");
  rmSync(folder, { recursive: true });
  return lines.map((line) => {
    const [, decode, , encode] = line.split(" ");
    return { decode: Number(decode), encode: Number(encode) };
  });
}
