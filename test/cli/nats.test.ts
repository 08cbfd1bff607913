import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NatsServer, describeWithNats } from "../nats/nats-server.ts";
import { portOf, runTool, Tool } from "./run-tool.ts";
import { steadyPort } from "../steady-port.ts";

let folder = "";
let module = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oscine-cli-"));
  module = join(folder, "handlers.mjs");
  const dispatch = new URL("../../dist/index.js", import.meta.url).href;
  await writeFile(
    module,
    `import { existsSync, writeFileSync } from "node:fs";
     import { Dispatcher } from ${JSON.stringify(dispatch)};
     const dispatcher = new Dispatcher();
     dispatcher.map("/who", (address, value) => ["/who/is", value, process.pid]);
     dispatcher.map("/fail", () => { throw new Error("no ink"); });
     // The first time it never ends.
     dispatcher.map("/once", async (address, file) => {
       if (existsSync(file)) return "/once/done";
       writeFileSync(file, "");
       console.log("begun");
       await new Promise((resolve) => setTimeout(resolve, 600_000));
     });
     export default dispatcher;`,
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Asks a front end once: the arguments of the answer. */
async function ask(port: string, ...words: readonly string[]): Promise<readonly unknown[]> {
  const { out } = await runTool("send", `:${port}`, ...words, "--wait", "8000", "--count", "1", "--json");
  return (JSON.parse(out) as { args: readonly unknown[] }).args;
}

describeWithNats("oscine and NATS", () => {
  let nats: NatsServer;

  beforeAll(async () => {
    nats = await NatsServer.start();
  });

  afterAll(async () => {
    await nats[Symbol.asyncDispose]();
  });

  test.each(["async", "threading", "forking"])("serve --nats and work --kind %s answer together and print totals", async (kind) => {
    const words = ["--nats", nats.url, "--prefix", `kind-${kind}`];
    await using worker = new Tool(["work", module, ...words, "--kind", kind, "--concurrency", "2", "--queue", "q"]);
    await worker.saysErr(
      new RegExp(
        `^Working for NATS at 127\\.0\\.0\\.1:${nats.port} \\(kind-${kind}\\.>, queue q, at-most-once\\): runs the handlers of \\S+\\. `,
      ),
    );
    await using front = new Tool(["serve", "127.0.0.1:0", ...words]);
    const port = await portOf(front);
    await front.saysErr(new RegExp(`: hands packets to the NATS workers at ${nats.url} \\(kind-${kind}\\.>, at-most-once\\)`));
    expect(await ask(port, "/who", "1")).toEqual([1, expect.any(Number)]);
    await runTool("send", `:${port}`, "/fail");
    await worker.saysErr(/^\S+ {2}127\.0\.0\.1:\d+ {2}OSC_HANDLER_FAILED {2}[^\n]*no ink/m);
    const [there, here] = [await worker.signal("SIGINT").ended, await front.signal("SIGINT").ended];
    expect([there.code, here.code]).toEqual([0, 0]);
    expect(there.err).toMatch(/\nreceived 2, handled 2, rejected 0, dropped 0, handler errors 1\n$/);
    expect(here.err).toMatch(/\nreceived 2, handled 2, rejected 0, dropped 0\n$/);
  });

  test("two workers share the packets, and one continues when the other is killed", async () => {
    const words = ["--nats", nats.url, "--prefix", "two"];
    await using first = new Tool(["work", module, ...words]);
    await using second = new Tool(["work", module, ...words]);
    await Promise.all([first, second].map((worker) => worker.saysErr(/^Working for NATS/)));
    await using front = new Tool(["serve", "127.0.0.1:0", ...words]);
    const port = await portOf(front);
    // NATS chooses by chance: all of thirty with one of two is one time in 500 million.
    const lines = Array.from({ length: 30 }, (_, index) => `/who ${index}`).join("\n");
    const all = await new Tool(["send", `:${port}`, "-", "--wait", "8000", "--count", "30", "--json"]).input(lines).ended;
    const pids = new Set(
      all.out
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { args: number[] }).args[1]),
    );
    expect(pids.size).toBe(2);
    await first.signal("SIGKILL").ended;
    const [, pid] = await ask(port, "/who", "1");
    expect(pids.has(pid as number)).toBe(true);
  });

  test("with at-least-once, another worker handles the packets of a killed one", async () => {
    const words = ["--nats", nats.url, "--prefix", "keep", "--delivery", "at-least-once"];
    await using first = new Tool(["work", module, ...words, "--ack-wait", "1000"]);
    await first.saysErr(/^Working for NATS/);
    await using front = new Tool(["serve", "127.0.0.1:0", ...words]);
    const port = await portOf(front);
    const client = runTool("send", `:${port}`, "/once", join(folder, "begun"), "--wait", "10000", "--count", "1");
    await first.saysOut(/^begun$/m);
    await first.signal("SIGKILL").ended;
    await using second = new Tool(["work", module, ...words, "--ack-wait", "1000"]);
    expect(await client).toMatchObject({ code: 0, out: expect.stringMatching(/ \/once\/done/) as string });
    expect((await second.signal("SIGINT").ended).err).toMatch(/\nreceived 1, handled 1, rejected 0, dropped 0, redelivered 1\n$/);
  });

  test("a worker without a module prints messages, and a front end without workers reports it", async () => {
    await using front = new Tool(["serve", "127.0.0.1:0", "--nats", nats.url, "--prefix", "print"]);
    const port = await portOf(front);
    await runTool("send", `:${port}`, "/lost");
    await front.saysErr(/OSC_NATS_NO_WORKER/);
    await using worker = new Tool(["work", "--nats", nats.url, "--prefix", "print"]);
    await worker.saysErr(/^Working for NATS/);
    await runTool("send", `:${port}`, "/seen", "1");
    await worker.saysOut(/^\S+ {2}127\.0\.0\.1:\d+ +\/seen +,i +1\n/m);
  });

  test("the front end reports when NATS disconnects and reconnects", async () => {
    await using away = await NatsServer.start();
    await using front = new Tool(["serve", "127.0.0.1:0", "--nats", away.url]);
    await portOf(front);
    await away.stop();
    await front.saysErr(/OSC_NATS_DISCONNECTED/);
    await away.restart();
    await front.saysErr(new RegExp(`\\nConnected to NATS again: 127\\.0\\.0\\.1:${away.port}\\n`));
  });

  test("oscine bridge forwards packets to and from NATS with rules, and never prints a password", async () => {
    const place = `nats://user:secret@127.0.0.1:${nats.port}/stage`;
    await using server = new Tool(["serve", module, "127.0.0.1:0"]);
    const port = await portOf(server);
    await using far = new Tool(["bridge", place, `:${port}`, "--only", "/who"]);
    await using near = new Tool(["bridge", "127.0.0.1:0", place, "--rename", "/ask=/who"]);
    await far.saysErr(new RegExp(`^Listening on 127\\.0\\.0\\.1:${nats.port} \\(nats://127\\.0\\.0\\.1:${nats.port}/stage\\)\\.`));
    await far.saysErr(new RegExp(`Sending to :${port}\n`));
    const [, from = ""] = await near.saysErr(/^Listening on 127\.0\.0\.1:(\d+) /);
    await near.saysErr(new RegExp(`Sending to nats://127\\.0\\.0\\.1:${nats.port}/stage\n`));
    expect(await ask(from, "--bundle", "/ask", "7", "+", "/other")).toEqual([7, expect.any(Number)]);
    const [there, here] = [await far.signal("SIGINT").ended, await near.signal("SIGINT").ended];
    expect([there.code, here.code]).toEqual([0, 0]);
    expect(there.err).toMatch(/forward: 1 packet received, 1 sent, filtered 1\nback: {4}1 packet received, 1 sent\n$/);
    expect(there.out + there.err + here.out + here.err).not.toMatch(/secret/);
  });
});

describe("a usage error prints one line to standard error", () => {
  test.each([
    [["work"], /add --nats, as in "oscine work/],
    [["work", "a.js", "b.js", "--nats", "x"], /one handlers module; got 2/],
    [["work", "--nats", "http://x"], /A NATS server must be/],
    [["work", "--nats", "x", "--prefix", "a b"], /A prefix must be/],
    [["work", "--nats", "x", "--kind", "blocking"], /--kind must be async, threading or forking/],
    [["work", "--nats", "x", "--delivery", "sometimes"], /--delivery must be at-most-once or at-least-once/],
    [["work", "--nats", "x", "--partitions", "4"], /needs --order client/],
    [["work", "--nats", "x", "--order", "client", "--partitions", "9999"], /partitions must be an integer from 1 to 1024; got 9999/],
    [["work", "--nats", "x", "--share", "3"], /--share must look like 0\/3/],
    [["work", "--nats", "x", "--share", "3/3", "--order", "client"], /share must be \[index, of\]/],
    [["work", "--nats", "x", "--concurrency", "0"], /--concurrency must be an integer/],
    [["work", "no-such.js", "--nats", "x"], /The handlers module "no-such\.js" does not exist/],
    [["serve", ":0", "--delivery", "at-least-once"], /--delivery needs --nats/],
    [["serve", "handlers.js", "--nats", "nats://u:secret@x"], /leave out handlers\.js, and run: .* work handlers\.js --nats nats:\/\/x\n/],
    [["serve", "--nats", "x", "--kind", "forking"], /--kind forking is for "oscine work"/],
    [["dump", "nats://u:secret@x/osc"], /^oscine: "nats:\/\/x\/osc" is a NATS URL\. Use it with "oscine bridge"/],
    [["bridge", ":0", "nats://u:secret@x/a/b"], /has a slash in its prefix/],
    [["work", "--nats", "nats://u:se,secret@x"], /write %40 %2C %2F %3F/],
    [["work", "--nats", "nats://a,nats://u:se/secret@x"], /write %40 %2C %2F %3F/],
    [["serve", ":0", "--nats", "nats://u:se?secret@x"], /write %40 %2C %2F %3F/],
    [["bridge", ":0", "nats://u:se,secret@x/a"], /write %40 %2C %2F %3F/],
    [["bridge", ":0", "nats://u:se?secret@x/a"], /write %40 %2C %2F %3F/],
    [["bridge", ":0", "nats:/u:secret@x/a"], /^oscine: "x\/a" was written with a user or password/],
    [["send", "osc.udp://u:secret@127.0.0.1:9000", "/x"], /osc\.udp:\/\/127\.0\.0\.1:9000" was written with a user or password/],
    [["send", "osc.tcp://u:se/secret@127.0.0.1:9000", "/x"], /was written with a user or password/],
    [["send", "u:secret@127.0.0.1:9000", "/x"], /was written with a user or password/],
    [["send", "tcp://u:secret@h:9000", "/x"], /perhaps osc\.tcp:\/\/h:9000/],
    [["serve", "ws://127.0.0.1:0/?token=secret"], /\?token=\*\*\*/],
    [["dump", "ws://u:secret@127.0.0.1:0/"], /was written with a user or password/],
  ])("oscine %j", async (words, message) => {
    const { code, out, err } = await runTool(...words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^oscine: [^\n]+\n$/);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/secret/);
  });

  test.each([
    [(url: string) => ["serve", "127.0.0.1:0", "--nats", url]],
    [(url: string) => ["work", "--nats", url]],
    [(url: string) => ["bridge", `${url}/osc`, ":9"]],
  ])("reports that NATS can't be reached: %s", async (words) => {
    const { code, out, err } = await runTool(...words(`nats://u:secret@127.0.0.1:${await steadyPort()}`));
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^oscine: NATS can't be reached at 127\.0\.0\.1:\d+[^\n]*\n$/);
    expect(err).not.toMatch(/secret/);
  });

  test("names missing packages and the command that installs them", async () => {
    const alone = join(folder, "alone");
    await cp(fileURLToPath(new URL("../../dist", import.meta.url)), join(alone, "dist"), { recursive: true });
    await writeFile(join(alone, "package.json"), '{ "type": "module" }');
    for (const words of [
      ["work", "--nats", "x"],
      ["serve", "127.0.0.1:0", "--nats", "x"],
      ["bridge", "127.0.0.1:0", "nats://x/osc"],
    ]) {
      const run = promisify(execFile)(process.execPath, [join(alone, "dist", "cli.js"), ...words], { cwd: alone });
      await expect(run).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^oscine: NATS needs packages[^\n]*npm install @nats-io\/[^\n]*\n$/) as string,
      });
    }
  });
});
