/**
 * Terminal output in the documentation comes from real runs. A block that follows `<!-- terminal -->` is a session: each `$` line is a command.
 * A command that listens runs until the last one has ended, and its output follows it.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Tool, runTool } from "./cli/run-tool.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const pages = ["README.md", ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith(".md"),
);

interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

const sessions = pages.flatMap((page) =>
  [...readFileSync(join(root, page), "utf8").matchAll(/<!-- terminal -->\n\n((?:(?: {4}.*)?\n)+)/g)].map(([, block = ""], index) => ({
    name: `${page}, ${index + 1}`,
    steps: stepsOf(block.split("\n").map((line) => line.slice(4))),
  })),
);

function stepsOf(lines: readonly string[]): Step[] {
  const steps: { command: string; output: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: [] });
    else if (line !== "") steps.at(-1)?.output.push(line);
  }
  return steps;
}

/** The words of a command as a shell reads them. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain ?? "");
}

/** Without what differs from run to run. */
function steady(text: string, port: string): string[] {
  return text
    .replaceAll(/\d\d:\d\d:\d\d\.\d{3}/g, "12:00:00.000")
    .replaceAll(port, "1337")
    .replaceAll(/(127\.0\.0\.1:)(?!1337)\d+ */g, "$1PORT ")
    .replaceAll(/ \(native sockets\)/g, "")
    .replaceAll(/node \S*cli\.js/g, "oscine")
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
}

test("the documentation has terminal sessions", () => {
  expect(sessions.map(({ name }) => name.replace(/,.*/, ""))).toEqual(expect.arrayContaining(["docs/command-line.md"]));
});

test.each(sessions)("the session of $name is what the commands print", async ({ steps }) => {
  const [first, ...others] = steps;
  const isListening = others.length > 0;
  let port = "1337";
  const words = (command: string): string[] => {
    const [program, ...rest] = wordsOf(command);
    expect(program).toBe("oscine");
    return rest.map((word) => word.replaceAll("1337", port));
  };
  const firstWords = words(first!.command);
  if (!isListening) {
    const { out, err } = await runTool(...firstWords);
    expect(steady(out + err, port)).toEqual(steady(first!.output.join("\n"), port));
    return;
  }
  await using listener = new Tool([...firstWords, "127.0.0.1:0"]);
  port = (await listener.saysErr(/Listening on \S+:(\d+)\//))[1] ?? "";
  for (const { command, output } of others) {
    const { out, err } = await runTool(...words(command));
    expect(steady(out + err, port)).toEqual(steady(output.join("\n"), "1337"));
  }
  const shown = first!.output.filter((line) => /^\d\d:/.test(line)).length;
  await listener.saysOut(new RegExp(`(?:.*\\n){${shown}}`));
  const { out, err } = await listener.signal("SIGINT").ended;
  expect(steady(out + err, port)).toEqual(steady(first!.output.join("\n"), "1337"));
});
