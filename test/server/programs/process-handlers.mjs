// Handlers that look at what a process is, and that leave something behind: node process-handlers.mjs Threading|Forking [options as JSON].
import crypto, { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { spawn } from "node:child_process";
import fs from "node:fs";
import { connect } from "node:net";
import { Readable, Writable } from "node:stream";
import { Worker } from "node:worker_threads";
import { brotliCompressSync, gzip, gzipSync } from "node:zlib";
import * as oscine from "oscine";
import { tell, tellError } from "./tell.mjs";

const [kind, json = "{}"] = process.argv.slice(2);
const dispatcher = new oscine.Dispatcher();
const { random } = Math;
// Each of these keeps something in store, which children must not share.
const uuids = [randomUUID, ...("randomUUIDv7" in crypto ? [() => crypto.randomUUIDv7()] : [])];
for (const generate of [random, ...uuids, () => randomInt(10), () => crypto.randomBytes(1)]) generate();

dispatcher.map("/random", () => [
  "/random",
  ...[Math.random(), random(), randomInt(2 ** 40)].map((value) => oscine.double(value)),
  // Not what tells the time.
  ...uuids.map((generate) => generate().slice(-12)),
  crypto.randomUUID(),
  globalThis.crypto.randomUUID(),
  crypto.randomBytes(8).toString("hex"),
  ...[globalThis.crypto.getRandomValues(new Uint8Array(8)), crypto.randomFillSync(new Uint8Array(8))].map((bytes) => bytes.join("-")),
  crypto.generateKeySync("aes", { length: 128 }).export().toString("hex"),
]);
dispatcher.map("/uniform", () => {
  const counts = Array.from({ length: 10 }, () => 0);
  for (let count = 0; count < 10_000; count++) counts[Math.floor(Math.random() * 10)] += 1;
  return ["/uniform", ...counts];
});
dispatcher.map("/process", () => [
  "/process",
  process.pid,
  process.ppid,
  oscine.double(Date.now()),
  oscine.double(performance.timeOrigin + performance.now()),
]);
dispatcher.map("/descriptors", () => [
  "/descriptors",
  ...fs.readdirSync("/proc/self/fd").map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "gone";
    }
  }),
]);
process.on("exit", (code) => {
  if (oscine.workerRole() !== "main") tell("exited", code);
});
dispatcher.map("/exit-code", () => {
  process.exitCode = 7;
  return "/exit-code";
});
dispatcher.map("/exit", (_address, code) => process.exit(code));
dispatcher.map("/exit-with-code", (_address, code) => {
  process.exitCode = code;
  process.exit();
});
dispatcher.map("/signal", (_address, signal) => {
  process.kill(process.pid, signal);
  for (;;);
});
dispatcher.map("/abort", () => process.abort());
dispatcher.map("/uncaught", () => {
  process.on("exit", () => {
    throw new Error("nobody catches this");
  });
  process.exit();
});
dispatcher.map("/throw", () => {
  throw new Error("thrown on purpose");
});
dispatcher.map("/reject", () => void Promise.reject(new Error("nobody awaits this")));
dispatcher.map("/print", () => {
  console.log("printed 1");
  process.stdout.write("printed 2\n");
  console.error("printed 3");
  return "/printed";
});

dispatcher.map("/promise", () => void Promise.resolve().then(() => console.log("never")));
dispatcher.map("/returned", async () => "/never");
dispatcher.map("/timer", () => void setTimeout(() => console.log("never"), 1));
dispatcher.map("/fetch", () => void fetch("http://127.0.0.1:1/"));
dispatcher.map("/file", () => {
  fs.readFile("/etc/hostname", () => undefined);
});
dispatcher.map("/stream", () => void fs.createReadStream("/etc/hostname"));
dispatcher.map("/memory-stream", () => void Readable.from(["text"], { objectMode: false }).on("data", () => undefined));
dispatcher.map("/connect", () => {
  connect(1, "127.0.0.1").on("error", () => undefined);
});
dispatcher.map("/microtask", () => queueMicrotask(() => console.log("never")));
dispatcher.map("/tick", () => process.nextTick(() => console.log("never")));
dispatcher.map("/bytes", () => crypto.randomBytes(8, () => undefined));
dispatcher.map("/zip", () => {
  // The synchronous one in between says nothing about the other.
  gzip("text", () => undefined);
  gzipSync("text");
});
dispatcher.map("/synchronous", () => {
  crypto.pbkdf2Sync("text", "salt", 1, 8, "sha1");
  crypto.generateKeyPairSync("ed25519");
  brotliCompressSync(gzipSync(crypto.randomBytes(8)));
  fs.opendirSync(".").closeSync();
  // What Node does behind these only tidies up.
  new Writable({ write: (_chunk, _encoding, done) => done() }).write("text");
  process.emitWarning("not printed", { code: "OSCINE_TEST" });
  spawn(process.execPath, ["--version"], { stdio: ["ignore", "pipe", "ignore"] });
  return ["/synchronous", crypto.randomUUID({ disableEntropyCache: true })];
});
dispatcher.map("/worker", () => void new Worker("setInterval(() => undefined, 1000)", { eval: true }));

// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const Server = oscine[`${kind}OSCUDPServer`];
const server = new Server(["127.0.0.1", 0], dispatcher, { ...JSON.parse(json), onError: tellError });
await server.start();
tell("ready", server.serverAddress.port);
await once(process.stdin, "data");
process.stdin.destroy();
await server.close();
tell("stats", server.stats());
