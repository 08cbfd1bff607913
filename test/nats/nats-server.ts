import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Program, describeWith, findProgram } from "../interop/programs.ts";
import { steadyPort } from "../steady-port.ts";

/** Debian puts it where only root's PATH leads. */
const COMMAND = findProgram("nats-server") ?? "/usr/sbin/nats-server";
const READY = "Server is ready";
const PROGRAM: Program = { name: "nats-server", install: "apt-get install nats-server", isPresent: () => existsSync(COMMAND) };

/** A suite that needs a server of NATS; see {@link describeWith}. */
export function describeWithNats(name: string, suite: () => void): void {
  describeWith([PROGRAM], name, suite);
}

/** True where there is one to run. */
export function hasNatsServer(): boolean {
  return existsSync(COMMAND);
}

/** A server of NATS on this machine, with a folder of its own. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #arguments: readonly string[];
  readonly #folder: string;
  #child: ChildProcess;
  #log = "";
  readonly #waiting: (() => void)[] = [];

  private constructor(port: number, config: string, domain: string | undefined) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "oscine-nats-"));
    const file = join(this.#folder, "server.conf");
    writeFileSync(
      file,
      `listen: "127.0.0.1:${port}"\nserver_name: "s${port}"\njetstream { store_dir: ${JSON.stringify(this.#folder)}${domain === undefined ? "" : `, domain: ${domain}`} }\n${config}`,
    );
    this.#arguments = ["-c", file];
    this.#child = this.#spawn();
  }

  /** @param config more lines of its configuration */
  static async start(config = "", { domain }: { readonly domain?: string } = {}): Promise<NatsServer> {
    const server = new NatsServer(await steadyPort(), config, domain);
    await server.logged(READY);
    return server;
  }

  /** For the option `servers`. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Of its process, for what the system tells about that. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends it; what it keeps in files stays. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, "close");
    this.#child.kill(signal);
    await closed;
  }

  /** Runs it again, on the same port and with the same folder. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = this.#spawn();
    await this.logged(READY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    this.#log = "";
    const child = spawn(COMMAND, this.#arguments, { stdio: ["ignore", "ignore", "pipe"] });
    child.once("close", () => this.#wake());
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
      this.#wake();
    });
    return child;
  }

  /** Waits until it has printed that. */
  async logged(text: string): Promise<void> {
    while (!this.#log.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(`nats-server ended with ${this.#child.exitCode}:\n${this.#log}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
