#!/usr/bin/env node
import { createRequire } from "node:module";
import { basename, relative } from "node:path";
import { OscEncodeError, OscError } from "../errors.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { nearest } from "../options.ts";
import { UsageError } from "../text/usage-error.ts";
import { secretMask } from "../url/secrets.ts";
import { type Command, EXIT, type Session } from "./command.ts";
import { Output } from "./output.ts";

/** A command imported on demand. */
interface LazyCommand {
  /** One-line description for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: ReadonlyMap<string, LazyCommand> = new Map([
  ["serve", { summary: "runs a server with your handlers, or prints each message", load: async () => (await import("./serve.ts")).SERVE }],
  ["dump", { summary: "prints what arrives on one or more URLs", load: async () => (await import("./dump.ts")).DUMP }],
  ["send", { summary: "sends a message, a bundle or a file, and shows replies", load: async () => (await import("./send.ts")).SEND }],
  ["record", { summary: "records what arrives into a file", load: async () => (await import("./record.ts")).RECORD }],
  ["play", { summary: "plays a recording with its original timing", load: async () => (await import("./play.ts")).PLAY }],
  ["convert", { summary: "converts a recording to another format", load: async () => (await import("./convert.ts")).CONVERT }],
  [
    "monitor",
    { summary: "shows what arrives in the browser, and sends from there", load: async () => (await import("./monitor.ts")).MONITOR },
  ],
  ["find", { summary: "finds OSC and OSCQuery servers on the network", load: async () => (await import("./find.ts")).FIND }],
  ["query", { summary: "shows the methods of an OSCQuery server", load: async () => (await import("./query.ts")).QUERY }],
  ["types", { summary: "writes TypeScript for the methods of an OSCQuery server", load: async () => (await import("./types.ts")).TYPES }],
  ["bridge", { summary: "forwards packets between UDP, TCP, WebSocket and NATS", load: async () => (await import("./bridge.ts")).BRIDGE }],
  ["work", { summary: "runs handlers for servers on other machines, over NATS", load: async () => (await import("./work.ts")).WORK }],
]);

/** Exit code after a second Ctrl-C, which skips the graceful shutdown: 128 plus SIGINT. */
const EXIT_INTERRUPTED = 130;

const HELP = `oscine: Open Sound Control on the command line

Usage: oscine COMMAND [options]

${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(8)}${summary}`).join("\n")}
  ${"help".padEnd(8)}shows this; "oscine help COMMAND" shows the help for a command

Every command has --help and --version.

Is anything arriving? Listen on the port that your device or program sends to:
  oscine dump :9000

Try it in two terminals:
  oscine serve --monitor
  oscine send :1337 /hello 1 2.5 text`;

void main(process.argv.slice(2)).then((code) => process.exit(code));

async function main(words: readonly string[]): Promise<number> {
  const stop = new AbortController();
  let code: number = EXIT.success;
  // Continue if standard error is closed.
  const err = new Output(2, process.env, () => undefined, secretMask(words));
  const out = new Output(1, process.env, (error) => {
    if (!isReaderGone(error)) {
      err.line(`oscine: Can't write the output: ${error.message}`);
      code = EXIT.failure;
    }
    stop.abort();
  });
  // Not SIGHUP: a listener would override nohup, which ignores it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
      stop.abort();
    });
  }
  const session: Session = { out, err, stop: stop.signal, program: programName(process.argv[1] ?? "oscine") };
  return (await run(words, session)) || code;
}

async function run([first, ...rest]: readonly string[], session: Session): Promise<number> {
  const { out, err } = session;
  try {
    if (first === undefined) {
      err.help(HELP);
      return EXIT.usage;
    }
    if (isVersion(first) || rest[0] === "--version") {
      out.line(readVersion());
      return EXIT.success;
    }
    if (isHelp(first) || (first === "help" && rest[0] === undefined)) {
      out.help(HELP);
      return EXIT.success;
    }
    const command = await findCommand(first === "help" ? (rest[0] ?? "") : first);
    if (first !== "help" && !before(rest, "--").some(isHelp)) return await command.run(rest, session);
    out.help(command.help);
    return EXIT.success;
  } catch (error) {
    return explain(error, session);
  }
}

async function findCommand(name: string): Promise<Command> {
  const command = COMMANDS.get(name);
  if (command !== undefined) return command.load();
  if (name.startsWith("-")) {
    throw new UsageError(
      `Unknown option "${name}". Options come after the command: oscine COMMAND [options]; "oscine help" lists the commands.`,
    );
  }
  const right = nearest(name, COMMANDS.keys());
  const advice = right === undefined ? `The commands are: ${[...COMMANDS.keys(), "help"].join(", ")}.` : `Did you mean ${right}?`;
  throw new UsageError(`Unknown command "${name}". ${advice}`);
}

/** Prints the error as one line and returns the exit code. */
function explain(error: unknown, { err }: Session): number {
  const label = err.styled("red", "oscine:");
  if (error instanceof UsageError || error instanceof OscEncodeError) {
    err.text(`${label} ${escapeForTerminal(error.message)}`);
    return EXIT.usage;
  }
  if (error instanceof OscError) err.text(`${label} ${escapeForTerminal(error.message)}`);
  else {
    const stack = error instanceof Error ? String(error.stack) : String(error);
    err.line(
      `${label} This is a bug in oscine. ${stack
        .split("\n")
        .map((line) => escapeForTerminal(line))
        .join("\n")}`,
    );
  }
  return EXIT.failure;
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

function isVersion(word: string): boolean {
  return word === "--version" || word === "-V" || word === "-v";
}

function before(words: readonly string[], end: string): readonly string[] {
  const index = words.indexOf(end);
  return index === -1 ? words : words.slice(0, index);
}

/** Whether a pipe's reader or the terminal is gone, which isn't an error. */
function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "EIO" || code === "EBADF";
}

function readVersion(): string {
  const load = createRequire(import.meta.url);
  const { version } = load("oscine/package.json") as { version: string };
  return version;
}

/** The command that calls this program again from the same directory. */
function programName(path: string): string {
  if (!/^oscine(?:\.|$)/.test(basename(path))) return `node ${relative(process.cwd(), path)}`;
  return /[/\\]node_modules[/\\]/.test(path) ? "npx oscine" : "oscine";
}
