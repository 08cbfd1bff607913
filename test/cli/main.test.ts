import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { Tool, runTool } from "./run-tool.ts";

/** Where someone may type a password, whether it belongs there or not. */
const URLS = [
  "nats://user:hunter2!@127.0.0.1:9/osc",
  "nats://127.0.0.1:9,nats://user:hunter2!@127.0.0.1:9",
  "nats://user:a,hunter2!@127.0.0.1:9",
  "nats://user:a/hunter2!@127.0.0.1:9",
  "nats://user:a?hunter2!@127.0.0.1:9",
  "nats://user:a@hunter2!@127.0.0.1:9",
  "tls://hunter2!@127.0.0.1:9",
  "osc.udp://user:hunter2!@127.0.0.1:9",
  "osc.tcp://user:a/hunter2!@127.0.0.1:9",
  "tcp://user:hunter2!@127.0.0.1:9",
  "user:hunter2!@127.0.0.1:9",
  "http://user:hunter2!@127.0.0.1:9",
  "http://127.0.0.1:9/?token=hunter2!",
  "ws://user:hunter2!@127.0.0.1:9/",
  "wss://127.0.0.1:9/?framing=1.0&token=hunter2!",
  "ws://127.0.0.1:9/?hunter2!",
  "ws://127.0.0.1:9/#hunter2!",
  "ws://127.0.0.1:9/path;token=hunter2!",
];
const PLACES: readonly ((url: string) => readonly string[])[] = [
  (url) => ["send", url, "/a"],
  (url) => ["send", url, "/a", "--dry-run"],
  (url) => ["dump", url],
  (url) => ["serve", url],
  (url) => ["serve", "--host", url],
  (url) => ["serve", "--nats", url],
  (url) => ["work", "--nats", url],
  (url) => ["bridge", url, ":9"],
  (url) => ["bridge", "127.0.0.1:0", url],
  (url) => ["record", url, "-o", "/nowhere/show.jsonl"],
  (url) => ["play", "no-such-file", url],
  (url) => ["monitor", url],
  (url) => ["query", url],
  (url) => ["types", url],
  (url) => [url],
  (url) => [`--${url}`],
];

/** Commands that would wait for a NATS server; nats.test.ts has these. */
const isForNats = (words: readonly string[]): boolean =>
  words.some((word) => word === "--nats" || word === "bridge") &&
  words.some((word) => /^(?:\w+:\/\/|user:)(?:user:)?hunter2|,nats:/.test(word));

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

describe("help and version", () => {
  test.each([["help"], ["--help"], ["-h"]])("oscine %s lists the commands", async (word) => {
    const { code, out, err } = await runTool(word);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const command of ["serve", "dump", "send"]) expect(out).toMatch(new RegExp(`^  ${command} +\\S`, "m"));
  });

  test.each(["serve", "dump", "send", "record", "play", "convert", "monitor", "find", "query", "types", "bridge", "work"])(
    "oscine %s --help has examples, fits in 80 columns and survives zsh",
    async (command) => {
      const wide = new Tool(["help", command], { COLUMNS: "200" }).ended;
      const [first, second] = await Promise.all([runTool(command, "--help"), wide]);
      expect(first).toEqual(second);
      expect(first.code).toBe(0);
      expect(first.out).toMatch(new RegExp(`Usage: oscine ${command}`));
      expect(first.out).toMatch(/Examples:\n {2}oscine /);
      for (const line of first.out.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
      const [, examples = ""] = first.out.split("Examples:\n");
      // zsh expands these outside quotes, or reports "no matches found". A # begins a comment, but only as a word of its own.
      for (const line of examples.split("\n"))
        expect(line.replaceAll(/'[^']*'|"[^"]*"/g, ""), line).not.toMatch(/[?[\]*{}()~^!&;<>`]|\$\w|^#|\S#/);
    },
  );

  test.each(["serve", "dump", "send", "monitor", "bridge"])("oscine %s --help wraps to the terminal's width", async (command) => {
    const { out } = await new Tool([command, "--help"], { COLUMNS: "60" }).ended;
    const [explained = "", examples] = out.split("\nExamples:\n");
    for (const line of explained.split("\n"))
      if (!/^Usage|^ {7}oscine| \/\/| *[{"]/.test(line)) expect(line.length, line).toBeLessThanOrEqual(60);
    const { out: full } = await runTool(command, "--help");
    // No word is lost, and what people copy stays whole.
    expect(out.split(/\s+/).toSorted()).toEqual(full.split(/\s+/).toSorted());
    expect(full.endsWith(`\nExamples:\n${examples}`)).toBe(true);
  });

  test("wraps an error at words on a terminal, otherwise prints one line", async () => {
    const { err } = await new Tool(["serve", "--knd", "x"], { COLUMNS: "40" }).ended;
    expect(err).toBe('oscine: Unknown option "--knd". Did you\n  mean --kind? "oscine serve --help"\n  lists the options.\n');
  });

  test.each(["--version", "-V", "-v"])("%s prints the package version", async (word) => {
    expect(await runTool(word)).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("a usage error prints one line to standard error and exits with code 2", () => {
  test.each([
    [["explode"], /Unknown command "explode".*serve, dump, send/],
    [["sned"], /Unknown command "sned"\. Did you mean send\?/],
    [["serve", "--orgin", "x"], /Unknown option "--orgin"\. Did you mean --origin\?/],
    [["--loud"], /Unknown option "--loud"\. Options come after the command/],
    [["serve", "--loud"], /Unknown option "--loud".*"oscine serve --help"/],
    [["serve", "--port"], /'--port <value>' argument missing/],
    [["serve", "--port", "65536"], /--port must be an integer from 0 to 65535/],
    [["serve", "--kind", "magic"], /--kind must be async, blocking, threading or forking; got "magic"/],
    [["serve", "--url", ":1", "--port", "1"], /leave out --host and --port/],
    [["serve", "--url", "nowhere"], /"nowhere" names no port/],
    [["serve", "a.js", "b.js"], /one handlers module; got 2/],
    [["serve", "no-such-module.js"], /The handlers module "no-such-module\.js" does not exist/],
    [["dump"], /The URL to listen on is missing/],
    [["dump", ":9000", "--json", "--raw"], /not both/],
    [["dump", ":9000", "--match", "/a[b"], /--match: /],
    [["dump", ":9000", "--count", "0"], /--count must be an integer, at least 1; got "0"/],
    [["dump", ":9000", "--timeout", "-1"], /--timeout must be a number, 0 or more; got "-1"/],
    [["send"], /The receiver is missing/],
    [["send", ":9000"], /The message is missing/],
    [["send", ":9000", "/x", "--rate", "0"], /--rate is a number of packets/],
    [["send", ":9000", "/x", "--dry-run", "--wait"], /--dry-run sends nothing/],
    [["send", ":9000", "/x", "--interface", "lo"], /--interface needs a multicast address/],
    [["dump", "239.0.0.1:0", "--interface", "none"], /No network interface "none" has an IPv4 address\. Available: /],
    [["dump", ":9000", "--bytes", "x"], /leave out --bytes or :9000/],
    [["dump", "--bytes", "no-such-file"], /no-such-file can't be read/],
    [["send", ":9000", "--file", "no-such-file"], /no-such-file cannot be read/],
  ])("oscine %j", async (words, message) => {
    const { code, out, err } = await runTool(...words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^oscine: [^\n]+\n$/);
    expect(err).toMatch(message);
  });

  test("doesn't print a misplaced password", async () => {
    const secret = "hunter2-hunter2";
    const ends = await Promise.all([
      runTool("query", `http://user:${secret}@127.0.0.1:9`),
      runTool("play", `osc.udp://user:${secret}@127.0.0.1:9`, "no-such-file"),
      runTool(`user:${secret}@127.0.0.1:9`),
      runTool("serve", "--port", `nats://user:${secret}@127.0.0.1`),
      runTool("send", `ws://127.0.0.1:9/?${secret}`, "/a"),
      runTool("send", `ws://127.0.0.1:9/path;token=${secret}`, "/a"),
    ]);
    for (const { code, out, err } of ends) {
      expect(code).not.toBe(0);
      expect(err).toMatch(/^oscine: /);
      expect(out + err).not.toContain(secret);
    }
  }, 60_000);

  test("never prints a password, however it is written on the command line", async () => {
    const commands = PLACES.flatMap((place) => URLS.map((url) => place(url))).filter((words) => !isForNats(words));
    expect(commands.length).toBeGreaterThan(200);
    const program = promisify(execFile)(process.execPath, [fileURLToPath(new URL("programs/many-commands.mjs", import.meta.url))]);
    program.child.stdin?.end(JSON.stringify(commands));
    const outputs = JSON.parse((await program).stdout) as string[];
    expect(outputs).toHaveLength(commands.length);
    for (const [index, words] of commands.entries()) expect(outputs[index], words.join(" ")).toMatch(/^(?!.*hunter2).*\S/s);
  }, 120_000);

  test("without a command, prints the help", async () => {
    const { code, out, err } = await runTool();
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: oscine COMMAND");
  });
});
