import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { openWire } from "../shared/wire.ts";
import { steadyPort } from "../steady-port.ts";

const root = new URL("../../", import.meta.url);

test("examples/blocking-server.ts prints messages, and Ctrl-C stops it immediately", async () => {
  const port = await steadyPort();
  const source = readFileSync(new URL("examples/blocking-server.ts", root), "utf8");
  // A copy with another port, for the example's own may be in use.
  const copy = fileURLToPath(new URL(`coverage/examples/blocking-server-${port}.ts`, root));
  mkdirSync(new URL("coverage/examples/", root), { recursive: true });
  writeFileSync(copy, source.replace("const port = 1337;", `const port = ${port};`));
  const program = spawn(process.execPath, ["--import", "tsx", copy], { stdio: ["ignore", "pipe", "inherit"] });
  const wire = await openWire("udp", { address: "127.0.0.1", port, family: "IPv4" });
  try {
    const output: string[] = [];
    program.stdout.on("data", (text) => output.push(String(text)));
    // It does not say when it is ready.
    const heard = once(program.stdout, "data");
    while (output.length === 0) {
      wire.sendBytes(encode(new OscMessage("/anything", ["else"])));
      await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    wire.sendBytes(encode(new OscMessage("/something/good", [1, 0.5, "two"])));
    while (!output.join("").includes("/something")) await once(program.stdout, "data");
    expect(output.join("")).toMatch(/^(DEFAULT \/anything: else\n)+\/something\/good: 1, 0.5, two\n$/);
    program.kill("SIGINT");
    expect((await once(program, "close"))[1]).toBe("SIGINT");
  } finally {
    program.kill("SIGKILL");
    await wire.close();
    rmSync(copy, { force: true });
  }
});
