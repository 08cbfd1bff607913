import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads process groups from stdin: `+ id` to watch, `- id` to forget. At the end of stdin, which is when the server ends for any reason, it
 * kills the groups that are left.
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

/** Temporary errors: too many open files or processes. */
const TEMPORARY: ReadonlySet<string> = new Set(["EAGAIN", "EMFILE", "ENFILE"]);

/**
 * Kills orphans: children that still run after the server itself was killed. An idle child ends when its pipe closes, but one in an endless
 * loop doesn't notice. Uses a small shell for each server. Not needed on Windows, where a job object ends Node's children with it.
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

  /** Ends the shell, which kills the groups that are still watched. */
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
    // In its own session, so that signals to the server's process group don't reach it.
    const shell = spawn("/bin/sh", ["-c", SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true, env: {} });
    this.#shell = shell;
    shell.on("error", (error: NodeJS.ErrnoException) => this.#ended(error.message, TEMPORARY.has(error.code ?? "")));
    // Undefined if no file descriptors were left.
    (shell.stdin as typeof shell.stdin | undefined)?.on("error", () => undefined);
    shell.on("exit", (code, signal) => this.#ended(`it ended with ${signal ?? `code ${code}`}`));
    for (const group of this.#groups) this.#write(`+ ${group}\n`);
  }

  #write(line: string): void {
    this.#shell?.stdin?.write(line);
  }

  /** Replaces a shell that was killed. If it can't be started, tries again with the next child, but only after a temporary error. */
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
