#!/usr/bin/env node
import { createRequire } from "node:module";
import { basename, relative } from "node:path";
import { OscEncodeError, OscError } from "../errors.ts";
import { BRIDGE } from "./bridge.ts";
import { type Command, EXIT, type Session } from "./command.ts";
import { DUMP } from "./dump.ts";
import { MONITOR } from "./monitor.ts";
import { Output } from "./output.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { SEND } from "./send.ts";
import { SERVE } from "./serve.ts";
import { UsageError } from "../text/usage-error.ts";
import { WORK } from "./work.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [SERVE, DUMP, SEND, MONITOR, BRIDGE, WORK].map((command) => [command.name, command]),
);

/** A second Ctrl-C does not wait for the clean end: 128 and the number of SIGINT. */
const EXIT_INTERRUPTED = 130;

const HELP = `oscine: Open Sound Control on the command line

Usage: oscine COMMAND [options]

${[...COMMANDS.values()].map(({ name, summary }) => `  ${name.padEnd(8)}${summary}`).join("\n")}
  ${"help".padEnd(8)}shows this, or with the name of a command its own help

Options of every command: --help, --version.

Try it in two terminals:
  oscine serve --monitor
  oscine send :1337 /hello 1 2.5 text`;

void main(process.argv.slice(2)).then((code) => process.exit(code));

async function main(words: readonly string[]): Promise<number> {
  const stop = new AbortController();
  let code: number = EXIT.success;
  // Without anyone who reads standard error the work goes on.
  const err = new Output(2, process.env, () => undefined);
  const out = new Output(1, process.env, (error) => {
    if (!isReaderGone(error)) {
      err.line(`oscine: The output cannot be written: ${error.message}`);
      code = EXIT.failure;
    }
    stop.abort();
  });
  // Not SIGHUP: nohup has it ignored, and a listener would undo that.
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
  const name = first === "help" ? rest[0] : first;
  try {
    if (first === undefined) {
      err.line(HELP);
      return EXIT.usage;
    }
    const wantsVersion = first === "--version" || first === "-V" || rest[0] === "--version";
    const wantsHelp = first === "help" || isHelp(first) || before(rest, "--").some(isHelp);
    const command = name === undefined ? undefined : COMMANDS.get(name);
    if (command === undefined && name !== undefined && !name.startsWith("-")) {
      throw new UsageError(`There is no command "${name}". The commands are: ${[...COMMANDS.keys(), "help"].join(", ")}.`);
    }
    if (wantsVersion) out.line(readVersion());
    else if (wantsHelp) out.line(command?.help ?? HELP);
    else if (command === undefined)
      throw new UsageError(
        `The option ${first} stands before the command. Write: oscine COMMAND ${first}; "oscine help" lists the commands.`,
      );
    else return await command.run(rest, session);
    return EXIT.success;
  } catch (error) {
    return explain(error, session);
  }
}

/** Says in one line what went wrong. */
function explain(error: unknown, { err }: Session): number {
  const label = err.styled("red", "oscine:");
  if (error instanceof UsageError || error instanceof OscEncodeError) {
    err.line(`${label} ${escapeForTerminal(error.message)}`);
    return EXIT.usage;
  }
  if (error instanceof OscError) err.line(`${label} ${escapeForTerminal(error.message)}`);
  else err.line(`${label} This is a fault of oscine itself. ${error instanceof Error ? error.stack : String(error)}`);
  return EXIT.failure;
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

function before(words: readonly string[], end: string): readonly string[] {
  const index = words.indexOf(end);
  return index === -1 ? words : words.slice(0, index);
}

/** True where the other end of a pipe or a terminal has gone, which is no fault. */
function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "EIO" || code === "EBADF";
}

function readVersion(): string {
  const load = createRequire(import.meta.url);
  const { version } = load("oscine/package.json") as { version: string };
  return version;
}

/** How this program can be called again from the same place. */
function programName(path: string): string {
  if (!/^oscine(?:\.|$)/.test(basename(path))) return `node ${relative(process.cwd(), path)}`;
  return /[/\\]node_modules[/\\]/.test(path) ? "npx oscine" : "oscine";
}
