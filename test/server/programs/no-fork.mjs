// A forking server where the system's fork doesn't do: node no-fork.mjs "fork fails"|"children crash"|"children hang"|"" [options as JSON]
import { createRequire } from "node:module";
import { once } from "node:events";
import { Dispatcher, ForkingOSCUDPServer, workerRole } from "oscine";
import { tell, tellError } from "./tell.mjs";

const [how, json = "{}"] = process.argv.slice(2);

// In the process to be forked, and not in the one that spawns others.
if (workerRole() === "process" && how !== "") {
  const koffi = createRequire(import.meta.url)("koffi");
  const libc = koffi.load(null);
  if (how === "fork fails") forbidFork(koffi, libc);
  else callInChildren(libc, { "children crash": "abort", "children hang": "pause" }[how]);
}

/** As a sandbox does: from now on the system refuses to start processes, but not threads, with EAGAIN. */
function forbidFork(koffi, libc) {
  const [CLONE, FORK] = { x64: [56, 57], arm64: [220, 1079] }[process.arch];
  const [LOAD, IF_EQUAL, IF_SET, RETURN] = [0x20, 0x15, 0x45, 0x06];
  const [NUMBER, FIRST_ARGUMENT, CLONE_VM, ALLOW, FAIL] = [0, 16, 0x100, 0x7fff0000, 0x00050000];
  const program = [
    [LOAD, 0, 0, NUMBER],
    [IF_EQUAL, 0, 2, CLONE],
    [LOAD, 0, 0, FIRST_ARGUMENT],
    [IF_SET, 1, 2, CLONE_VM],
    [IF_EQUAL, 1, 0, FORK],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, FAIL + 11],
  ];
  const code = new DataView(new ArrayBuffer(program.length * 8));
  for (const [index, [operation, ifTrue, ifFalse, value]] of program.entries()) {
    code.setUint16(index * 8, operation, true);
    code.setUint8(index * 8 + 2, ifTrue);
    code.setUint8(index * 8 + 3, ifFalse);
    code.setUint32(index * 8 + 4, value, true);
  }
  const header = new DataView(new ArrayBuffer(16));
  header.setUint16(0, program.length, true);
  header.setBigUint64(8, koffi.address(new Uint8Array(code.buffer)), true);
  const [PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER] = [22, 38, 2];
  const prctl = libc.func("int prctl(int option, ulong value, void *filter, ulong, ulong)");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, null, 0, 0) !== 0) throw new Error("prctl");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, new Uint8Array(header.buffer), 0, 0) !== 0) throw new Error("seccomp");
}

/** As libraries do that look after their locks: lets each child that is forked call a function of the system first. */
function callInChildren(libc, name) {
  const address = libc.func("uintptr dlsym(void *handle, const char *name)")(null, name);
  if (libc.func("int __register_atfork(void *, void *, uintptr child, void *)")(null, null, address, null) !== 0) throw new Error("atfork");
}

const dispatcher = new Dispatcher();
dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
const server = new ForkingOSCUDPServer(["127.0.0.1", 0], dispatcher, { ...JSON.parse(json), onError: tellError });
try {
  await server.start();
  tell("ready", server.serverAddress.port);
  await once(process.stdin, "data");
} catch ({ code, message }) {
  tell("failed", { code, message });
}
process.stdin.destroy();
await server.close();
tell("stats", server.stats());
