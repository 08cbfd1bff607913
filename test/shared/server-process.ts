import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NetAddress } from "../../src/net-address.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { Correspondent, type TransportName, openWire } from "./wire.ts";

export type Kind = "async" | "blocking" | "threading" | "forking" | "nats";

/** An error as the program tells it. */
export interface ToldError {
  readonly code: string;
  readonly reason?: string;
  readonly limit?: string;
  readonly cause?: string;
  readonly message: string;
  readonly client?: NetAddress;
}

/** How the account stands, and how many handles the thread that made the server has. */
export interface Account extends ServerStats {
  readonly handles: number;
}

const PROGRAM = fileURLToPath(new URL("server-program.mjs", import.meta.url));

/** The server program, running. */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly errors: ToldError[] = [];
  readonly lines: string[] = [];
  address: NetAddress = { address: "", port: 0, family: "IPv4" };
  stats: ServerStats | null = null;
  /** How often the program was asked for something by a packet that it refuses as `not-osc`. */
  asked = 0;
  stderr = "";
  ended = false;
  /** Resolves when the program has ended and all its output has come. */
  readonly closed: Promise<void>;
  #account: Account | null = null;
  readonly #transport: TransportName;
  readonly #wires: Correspondent[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(kind: Kind, transport: TransportName, options: object, fileLimit: number | null) {
    this.#transport = transport;
    const words = [process.execPath, PROGRAM, kind, transport, JSON.stringify(options)];
    const [command = "", ...args] = fileLimit === null ? words : ["sh", "-c", `ulimit -n ${fileLimit}; exec "$@"`, "sh", ...words];
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stderr?.on("data", (text) => (this.stderr += String(text)));
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", (line) => this.#line(line));
    // Not "exit", after which output may still come.
    this.closed = once(this.child, "close").then(() => {
      this.ended = true;
      this.#changed();
    });
  }

  /** @param fileLimit how many file descriptors it may have; null: as many as this process */
  static async start(kind: Kind, transport: TransportName, options: object = {}, fileLimit: number | null = null): Promise<ServerProcess> {
    const server = new ServerProcess(kind, transport, options, fileLimit);
    await server.until(() => server.address.port > 0 || server.address.family === "unix");
    return server;
  }

  async connect(): Promise<Correspondent> {
    const correspondent = new Correspondent(await openWire(this.#transport, this.address));
    this.#wires.push(correspondent);
    return correspondent;
  }

  /** Waits until what the program tells makes that true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended) {
        throw new Error(
          `The server program ended (${this.child.exitCode ?? this.child.signalCode}) too early.\n${this.lines.join("\n")}\n${this.stderr}`,
        );
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Asks the thread that made the server for something, which it hears of as an error. */
  ask(what: "account?" | "push?" | "away?", correspondent: Correspondent): void {
    this.asked += 1;
    correspondent.send(new TextEncoder().encode(what));
  }

  /** Asks how the account stands while the server serves, with a packet that costs no handler, thread or process. It is itself in the account: as refused. */
  async account(correspondent: Correspondent): Promise<Account> {
    this.#account = null;
    this.ask("account?", correspondent);
    await this.until(() => this.#account !== null);
    return this.#account as unknown as Account;
  }

  /** Asks the server to end, and returns its counters. */
  async quit(correspondent?: Correspondent): Promise<ServerStats> {
    const through = correspondent ?? (await this.connect());
    through.send(QUIT);
    await this.closed;
    if (this.stats === null) throw new Error(`The server program told no stats.\n${this.lines.join("\n")}\n${this.stderr}`);
    return this.stats;
  }

  /** Ends whatever still runs. */
  async dispose(): Promise<void> {
    for (const { wire } of this.#wires) await wire.close();
    this.child.kill("SIGKILL");
    await this.closed;
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  #line(line: string): void {
    const [word = "", ...rest] = line.split(" ");
    const value = (): unknown => JSON.parse(rest.join(" "));
    if (word === "ready") this.address = value() as NetAddress;
    else if (word === "error") this.errors.push(value() as ToldError);
    else if (word === "account") this.#account = value() as Account;
    else if (word === "stats") this.stats = value() as ServerStats;
    else this.lines.push(line);
    this.#changed();
  }
}

/** What has become of the packets that arrived. */
export function isEven({ received, handled, rejected, dropped, waiting, inProgress }: ServerStats): boolean {
  const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  return received === handled + refused + dropped + waiting + inProgress;
}

/** `/quit` without arguments. */
const QUIT = new TextEncoder().encode("/quit\0\0\0,\0\0\0");
