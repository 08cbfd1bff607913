import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, watch } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Whether there can be cables here: needs socat and the package serialport. */
export const hasCables: boolean = spawnSync("socat", ["-V"]).status === 0 && hasPackage("serialport");
if (!hasCables) console.warn("SKIPPED: serial ports, because socat (apt-get install socat) or the package serialport is missing");

function hasPackage(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Two serial ports with a cable between them, which can be unplugged. */
export class Cable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "oscine-serial-"));
  readonly here: string = join(this.folder, "here");
  readonly there: string = join(this.folder, "there");
  #socat: ChildProcess | null = null;
  /** A device stays plugged in when a program closes its port; a pseudoterminal ends with its last user. */
  #held: readonly number[] = [];

  /** One that goes away with the test. */
  static async plugged(): Promise<Cable> {
    const cable = new Cable();
    onTestFinished(async () => {
      await cable.unplug();
      rmSync(cable.folder, { recursive: true });
    });
    await cable.plug();
    return cable;
  }

  async plug(): Promise<void> {
    const changes = watch(this.folder);
    this.#socat = spawn("socat", [`pty,rawer,link=${this.here}`, `pty,rawer,link=${this.there}`], { stdio: "ignore" });
    while (!existsSync(this.here) || !existsSync(this.there)) await once(changes, "change");
    changes.close();
    this.#held = [this.here, this.there].map((path) => openSync(path, constants.O_RDWR | constants.O_NOCTTY));
  }

  async unplug(): Promise<void> {
    if (this.#socat === null) return;
    const exited = once(this.#socat, "exit");
    this.#socat.kill();
    await exited;
    this.#socat = null;
    for (const descriptor of this.#held) closeSync(descriptor);
    this.#held = [];
  }
}
