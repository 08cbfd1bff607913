import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("examples/dispatcher.ts runs to its end and prints what each step does", () => {
  const example = fileURLToPath(new URL("../../examples/dispatcher.ts", import.meta.url));
  const output = execFileSync(process.execPath, ["--import", "tsx", example], { encoding: "utf8", timeout: 30_000 });
  expect(output.split("\n").filter((line) => line.startsWith("  "))).toEqual([
    "  Setting filter 1 to 1 and 2",
    "  Setting filter 8 to 6 and -2",
    "  /volume: the volume is at -6 dB",
    "  /tempo: the tempo is at 120 bpm",
    "  /{volume,tempo}: the volume is at 0 dB",
    "  /{volume,tempo}: the tempo is at 0 bpm",
    "  reply to 127.0.0.1:50000: /position 0.25 0.75",
    "  /hello from port 50000",
    "  Channel 12 to send 3: 0.5",
    "  Unknown: /who/knows what 42",
    "  Unknown: /volume -6",
    "  Unknown: /tempo 120",
  ]);
});
