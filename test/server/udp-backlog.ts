import { readFileSync } from "node:fs";

/** How many bytes the system holds for the UDP socket of a port of 127.0.0.1, because nobody has taken them yet. 0 where it does not tell. */
export function udpBacklog(port: number): number {
  if (process.platform !== "linux") return 0;
  const place = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const row = readFileSync("/proc/net/udp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1] === place);
  const [, held = ""] = (row?.[4] ?? "").split(":");
  return held === "" ? 0 : Number.parseInt(held, 16);
}
