import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads process groups from its input, `+ id` to watch and `- id` to forget, and at the end of the input kills those that are left. It
 * outlives whatever ends the server, because its input ends when the server does.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
groups=' '
while read -r verb id; do
  case "$verb" in
    +) groups="$groups$id " ;;
    -) groups="\${groups%% $id *} \${groups#* $id }" ;;
  esac
done
for id in $groups; do kill -s KILL -- "-$id"; done
`;

/** Errors that may be over soon: too many open files or processes. */
const TEMPORARY: ReadonlySet<string> = new Set(["EAGAIN", "EMFILE", "ENFILE"]);

/**
 * Kills the process groups of children that are left when the server's process is killed itself: a child that waits for packets sees the end
 * of its pipe and ends, but one in an endless loop never looks. One small shell for each server; none on Windows, where Node puts its
 * children into a job that ends with it.
 */
export class OrphanReaper {
  readonly #groups = new Set<number>();
  readonly #onFailure: (reason: string) => void;
  #shell: ChildProcess | null = null;
  #failed = false;
  #onEnd: (() => void) | null = null;
  #closing = false;

  /** @param onFailure called if no shell can be started */
  constructor(onFailure: (reason: string) => void) {
    this.#onFailure = onFailure;
  }

  /** Watches a process group. */
  add(group: number): void {
    this.#groups.add(group);
    if (this.#shell === null) this.#start();
    else this.#write(`+ ${group}\n`);
  }

  /** Forgets a process group whose process has ended. */
  remove(group: number): void {
    if (this.#groups.delete(group)) this.#write(`- ${group}\n`);
  }

  /** Ends the shell, which kills what is still watched. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#shell === null) return;
    await new Promise<void>((resolve) => {
      this.#onEnd = resolve;
      this.#shell?.stdin?.end();
    });
  }

  #start(): void {
    if (this.#failed || this.#closing || process.platform === "win32") return;
    // A session of its own: a signal for the server's process group does not reach it.
    const shell = spawn("/bin/sh", ["-c", SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true, env: {} });
    this.#shell = shell;
    shell.on("error", (error: NodeJS.ErrnoException) => this.#ended(error.message, TEMPORARY.has(error.code ?? "")));
    // It is missing if there were no file descriptors left.
    (shell.stdin as typeof shell.stdin | undefined)?.on("error", () => undefined);
    shell.on("exit", (code, signal) => this.#ended(`it ended with ${signal ?? `code ${code}`}`));
    for (const group of this.#groups) this.#write(`+ ${group}\n`);
  }

  #write(line: string): void {
    this.#shell?.stdin?.write(line);
  }

  /** One that was killed is replaced; one that cannot be started is not tried again, or with the next child if that may help. */
  #ended(reason: string, isTemporary = false): void {
    const couldNotStart = this.#shell?.pid === undefined;
    this.#shell = null;
    this.#onEnd?.();
    if (this.#closing) return;
    if (couldNotStart) {
      this.#failed = !isTemporary;
      this.#onFailure(reason);
    } else if (this.#groups.size > 0) {
      this.#start();
    }
  }
}
