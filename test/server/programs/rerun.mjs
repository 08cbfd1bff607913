// Programs that don't stand being run again: node rerun.mjs HOW Threading|Forking [options as JSON]
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline/promises";
import { isMainThread } from "node:worker_threads";
import { once } from "node:events";
import * as oscine from "oscine";
import { tell, tellError } from "./tell.mjs";

const [how, kind, json = "{}", path = ""] = process.argv.slice(2);
const { workerRole } = oscine;

if (how === "listens") await once(createServer().listen(Number(path), "127.0.0.1"), "listening");
if (how === "ends with a code" && workerRole() !== "main") process.exitCode = 5;
if (how === "leaves if it runs already") {
  if (existsSync(path)) process.exit(0);
  writeFileSync(path, "");
}
if (how === "asks") tell("answer", await createInterface({ input: process.stdin }).question("Port? "));
if (how === "changes the working directory") process.chdir(workerRole() === "main" ? mkdtempSync(`${tmpdir()}/oscine-`) : "sub");
if (how === "throws" && workerRole() !== "main") throw new Error("not twice");
if (how === "never gets there" && workerRole() !== "main") await new Promise((resolve) => setTimeout(resolve, 100_000));

const isWanted = { "is for the main thread": isMainThread, "ends with a code": workerRole() === "main" }[how] ?? true;
if (isWanted) {
  const dispatcher = new oscine.Dispatcher();
  dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
  dispatcher.map("/server", () => server.serverAddress.port);
  // oxlint-disable-next-line import/namespace -- the class is what the arguments choose
  const Server = oscine[`${kind}OSCUDPServer`];
  const server = new Server(["127.0.0.1", 0], dispatcher, { ...JSON.parse(json), onError: tellError });
  try {
    if (how === "blocks") server.serveForever();
    await server.start();
    tell("ready", server.serverAddress.port);
    await once(process.stdin, "data");
  } catch ({ code, message }) {
    tell("failed", { code, message });
  }
  process.stdin.destroy();
  await server.close();
  tell("stats", server.stats());
  process.exit();
}
