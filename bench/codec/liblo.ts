import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One round of liblo: nanoseconds for a decode and an encode of each packet. */
export type LibloRound = () => { readonly decode: number; readonly encode: number }[];

const build = fileURLToPath(new URL("../build/", import.meta.url));
const source = fileURLToPath(new URL("../c/liblo-codec.c", import.meta.url));

/** Compiles the C program that times liblo. Returns undefined, with the reason on standard error, where cc or liblo-dev is missing. */
export function libloRounds(packets: readonly Uint8Array[]): LibloRound | undefined {
  const program = `${build}liblo-codec`;
  mkdirSync(build, { recursive: true });
  try {
    execFileSync("cc", ["-O2", "-o", program, source, "-llo"], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    console.error(`No row for liblo: ${String((error as Error).message).split("\n")[0]} (Debian: apt install gcc liblo-dev)`);
    return undefined;
  }
  const files = packets.map((packet, i) => {
    const file = `${build}packet-${i}.osc`;
    writeFileSync(file, packet);
    return file;
  });
  return () =>
    execFileSync(program, files, { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => {
        const [, decode, , encode] = line.split(" ");
        return { decode: Number(decode), encode: Number(encode) };
      });
}
