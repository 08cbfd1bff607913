import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { SimpleTCPClient } from "../../src/client/index.ts";
import { Changes } from "../server/tcp-fixtures.ts";

/** An example that runs, and the lines that it has printed. */
class Example {
  readonly lines: string[] = [];
  readonly ended: Promise<number | null>;
  readonly #child;
  readonly #changes = new Changes();

  constructor(name: string, port: number) {
    const path = fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url));
    this.#child = spawn(process.execPath, ["--import", "tsx", path, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.lines.push(line);
      this.#changes.happen();
    });
    this.ended = once(this.#child, "close").then(([code]) => code as number | null);
    onTestFinished(async () => {
      this.#child.kill("SIGKILL");
      await this.ended;
    });
  }

  async says(line: RegExp): Promise<RegExpExecArray> {
    await this.#changes.until(() => this.lines.some((one) => line.test(one)));
    return line.exec(this.lines.find((one) => line.test(one)) ?? "") as RegExpExecArray;
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }
}

describe("examples", () => {
  test("tcp-async-server.ts and tcp-client.ts talk to each other and end cleanly", async () => {
    const server = new Example("tcp-async-server", 0);
    const [, port = ""] = await server.says(/^Serving on 127\.0\.0\.1:(\d+)$/);
    const client = new Example("tcp-client", Number(port));
    expect(await client.ended).toBe(0);
    expect(client.lines).toEqual(["connecting", "connected", "/double: 0.5", "/double: 2", "/double: 42", "The answer is 100", "closed"]);
    await server.says(/^127\.0\.0\.1 \/log: a line, 1$/);
    server.interrupt();
    expect(await server.ended).toBe(0);
  });

  test("tcp-blocking-server.ts prints, replies and ends on request", async () => {
    const server = new Example("tcp-blocking-server", 0);
    const [, port = ""] = await server.says(/^Serving on 127\.0\.0\.1:(\d+)$/);
    await using client = new SimpleTCPClient("127.0.0.1", Number(port), { mode: "1.0", reconnect: false });
    await client.sendMessage("/filter", [1, "two"]);
    expect((await client.request("/volume", 0.1, { replyTo: "/volume/dB", timeout: 5000 })).args[0]).toBeCloseTo(-20);
    await client.sendMessage("/quit");
    expect(await server.ended).toBe(0);
    expect(server.lines.slice(1)).toEqual(["/filter: 1, two"]);
  });
});
