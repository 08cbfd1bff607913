/** What the installed package does in a program of its own. `npm run test:nodes` runs these under other versions of Node, too. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { SUBPATHS, npm } from "./install.ts";

const { folder } = inject("installed");

/** One program for every way to import: the core, and each subpath. */
const PROGRAM_BODY = `
  const bytes = oscine.encode(new oscine.OscMessage("/a", [1, 0.5, "x"]));
  const message = codec.decode(bytes);
  if (!(message instanceof oscine.OscMessage)) throw new Error("two copies of the codec");
  console.log(JSON.stringify([message.address, message.types, message.args, typeof address, typeof framing.SlipDecoder, typeof oscine.AsyncOSCUDPServer]));
`;
const PROGRAM_OUTPUT = JSON.stringify(["/a", "ifs", [1, 0.5, "x"], "object", "function", "function"]);

describe("by its name", () => {
  test("import works", () => {
    const imports = SUBPATHS.map((name) => `import * as ${name} from "oscine/${name}";`).join("\n");
    expect(program("user.mjs", `import * as oscine from "oscine";\n${imports}\n${PROGRAM_BODY}`)).toBe(`${PROGRAM_OUTPUT}\n`);
  });

  test("require() works", () => {
    const requires = SUBPATHS.map((name) => `const ${name} = require("oscine/${name}");`).join("\n");
    expect(program("user.cjs", `const oscine = require("oscine");\n${requires}\n${PROGRAM_BODY}`)).toBe(`${PROGRAM_OUTPUT}\n`);
  });

  test("import() from CommonJS works, and gives the same classes as require()", () => {
    const code = `import("oscine").then(({ OscMessage, encode }) => {
      console.log(OscMessage === require("oscine").OscMessage, encode(new OscMessage("/a")).length);
    });`;
    expect(program("dynamic.cjs", code)).toBe("true 8\n");
  });

  test("import and require() give the same classes", () => {
    const code = `import { createRequire } from "node:module";\nimport { OscMessage } from "oscine";
      console.log(createRequire(import.meta.url)("oscine").OscMessage === OscMessage);`;
    expect(program("both.mjs", code)).toBe("true\n");
  });

  test("each class is there once, by whatever name it is imported, and has that name", () => {
    const code = `${SUBPATHS.map((name) => `import * as ${name} from "oscine/${name}";`).join("\n")}
      import * as oscine from "oscine";
      // In Node these have more than in a page: the sockets of "ws", and serial ports by their path.
      const ownInNode = ["WebSocketClient", "StreamClient"];
      const other = { ...browser, ...codec, ...address, ...framing };
      const twice = Object.keys(other).filter((name) => name in oscine && !ownInNode.includes(name) && other[name] !== oscine[name]);
      const renamed = Object.entries({ ...other, ...oscine }).filter(([name, value]) => typeof value === "function" && value.name !== name);
      console.log(JSON.stringify([twice, renamed.map(([name]) => name)]));`;
    // The second is another name of the first.
    expect(program("once.mjs", code)).toBe('[[],["AsyncIOOSCUDPServer"]]\n');
  });

  test("what is not exported cannot be reached", () => {
    const code = `try { await import("oscine/dist/errors.js"); } catch (error) { console.log(error.code); }`;
    expect(program("inside.mjs", code)).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED\n");
  });

  test("package.json can be read", () => {
    expect(program("version.cjs", `console.log(require("oscine/package.json").name)`)).toBe("oscine\n");
  });
});

describe("the servers", () => {
  const start = `
    import { AsyncOSCUDPServer, BlockingOSCUDPServer, Dispatcher, ForkingOSCUDPServer, OscMessage, ThreadingOSCUDPServer, UDPClient } from "oscine";
    const dispatcher = new Dispatcher();
    dispatcher.map("/double", (address, value) => [address, value * 2]);
  `;
  const ask = `
    const client = new UDPClient("127.0.0.1", server.serverAddress.port);
    console.log((await client.request("/double", 21, { timeout: 10_000 })).args[0]);
    await client.close();
    await server.close();
  `;

  test.each(["Async", "Threading", "Forking"])("of kind %s answer", (kind) => {
    const serve = kind === "Async" ? "await server.createServeEndpoint();" : "await server.start();";
    const code = `${start} const server = new ${kind}OSCUDPServer(["127.0.0.1", 0], dispatcher); ${serve} ${ask}`;
    expect(program(`${kind}.mjs`, code)).toBe("42\n");
  });

  test("of kind Blocking answer", () => {
    const code = `${start}
      const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher);
      const client = new UDPClient("127.0.0.1", server.serverAddress.port);
      await client.send(new OscMessage("/double", 21));
      server.handleRequest();
      console.log((await client.messages({ timeout: 10_000 }).next()).value.args[0]);
      await client.close();
      server.close();
    `;
    expect(program("Blocking.mjs", code)).toBe("42\n");
  });
});

describe("the browser condition", () => {
  test("is chosen by Node under that condition, and works there", () => {
    const code = `import * as oscine from "oscine"; console.log("AsyncOSCUDPServer" in oscine, oscine.encode(new oscine.OscMessage("/a")).length);`;
    expect(program("browser.mjs", code, "--conditions=browser")).toBe("false 8\n");
  });
});

describe("the command line tool", () => {
  test("a recording is written, converted, read and played by the installed program and library", () => {
    const code = `
      import { createRecording, encode, openRecording, OscMessage, Player } from "oscine";
      import { readRecording } from "oscine/recording";
      import { createReadStream } from "node:fs";
      const file = await createRecording("show.jsonl");
      for (const time of [0, 10, 20]) {
        file.write({ time, source: null, destination: null, transport: "udp", data: encode(new OscMessage("/a", time)) });
      }
      await file.close();
      const times = [];
      await new Player(await openRecording("show.jsonl"), (packet, { time }) => void times.push(time)).play();
      for await (const { time } of await readRecording(() => createReadStream("show.jsonl"))) times.push(time);
      console.log(times.join());
    `;
    expect(program("record.mjs", code)).toBe("0,10,20,0,10,20\n");
    const tool = join(folder, "node_modules", ".bin", "oscine");
    const cwd = { cwd: folder, encoding: "utf8" } as const;
    execFileSync(tool, ["convert", "show.jsonl", "show.pcapng", "--quiet"], cwd);
    expect(execFileSync(tool, ["play", "show.pcapng", "--dry-run"], cwd).match(/\/a +,i +\d+/g)).toHaveLength(3);
    expect(execFileSync(tool, ["dump", "show.pcapng", "--json", "--quiet"], cwd).trim().split("\n")).toHaveLength(3);
  });

  test("--help is printed by the installed program", () => {
    const help = npm(folder, "exec", "--offline", "--", "oscine", "--help");
    for (const command of ["serve", "dump", "send"]) expect(help).toMatch(new RegExp(`\\b${command}\\b`));
  });
});

function program(name: string, code: string, ...options: string[]): string {
  writeFileSync(join(folder, name), code);
  return execFileSync(process.execPath, ["--no-warnings", ...options, join(folder, name)], { cwd: folder, encoding: "utf8" });
}
