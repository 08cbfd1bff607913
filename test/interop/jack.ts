import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "./programs.ts";

/**
 * A JACK server of one's own, without hardware: its clients start it, and it ends with the last of them. `environment` is what its
 * clients are run with.
 */
export class JackHome implements Disposable {
  readonly #folder: string = mkdtempSync(join(tmpdir(), "oscine-jack-"));
  readonly environment: Readonly<Record<string, string>>;

  constructor(name: string) {
    const server = `oscine-${name}-${process.pid}`;
    // JACK throws out a client that is stopped for longer than its timeout, half a second by default.
    writeFileSync(
      join(this.#folder, ".jackdrc"),
      `${findProgram("jackd") ?? "jackd"} --no-realtime --timeout 20000 --temporary --name ${server} -d dummy -r 48000 -p 512\n`,
    );
    this.environment = { HOME: this.#folder, JACK_DEFAULT_SERVER: server };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
