import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { NETWORK_NAMESPACE, RunningProgram, describeWith, run } from "./programs.ts";

const folder = mkdtempSync(join(tmpdir(), "oscine-discovery-"));
afterAll(() => rmSync(folder, { recursive: true }));

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const OURS = [process.execPath, "--import", "tsx", program("discovery.ts")];
const CLI = [process.execPath, fileURLToPath(new URL("../../dist/cli.js", import.meta.url))];
const ZEROCONF = ["/usr/bin/python3", program("zeroconf-peer.py")];

type Start = (command: readonly string[], environment?: Readonly<Record<string, string>>) => RunningProgram;

/** A network that nobody else is in, with multicast on its loopback interface. Returns what starts programs there, which end with the test. */
async function openNetwork(): Promise<Start> {
  const script = "ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && echo $$ && exec sleep infinity";
  const network = new RunningProgram("unshare", ["--net", "sh", "-c", script]);
  onTestFinished(() => network[Symbol.asyncDispose]());
  const [pid] = await network.line(/^\d+$/);
  return (command, environment) => {
    const started = new RunningProgram("nsenter", [`--net=/proc/${pid}/ns/net`, ...command], environment);
    onTestFinished(() => started[Symbol.asyncDispose]());
    return started;
  };
}

const IP = { name: "ip", install: "apt-get install iproute2" };
const PYTHON_ZEROCONF = {
  name: "python3-zeroconf",
  install: "apt-get install python3-zeroconf",
  isPresent: (): boolean => {
    try {
      run("/usr/bin/python3", ["-c", "import zeroconf"]);
      return true;
    } catch {
      return false;
    }
  },
};
const AVAHI = ["avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon"].map((name) => ({
  name,
  install: "apt-get install avahi-daemon avahi-utils dbus",
}));

describeWith([IP, NETWORK_NAMESPACE, PYTHON_ZEROCONF], "python3-zeroconf", () => {
  test("finds what we advertise, and sees it leave", async () => {
    const start = await openNetwork();
    const ours = start([...OURS, "advertise"]);
    await ours.line(/^advertised$/);
    const theirs = start([...ZEROCONF, "browse"]);
    const [found] = await theirs.line(/^found .*/);
    expect(found).toBe(
      "found Mixer of ours._osc._udp.local. ['127.0.0.1'] 9000 [(b'txtvers', b'1'), (b'uri', b'/x'), (b'version', b'1.1')]",
    );
    ours.kill("SIGTERM");
    await theirs.line(/^gone Mixer of ours\._osc\._udp\.local\.$/);
  });

  test("is found by us, and seen to leave", async () => {
    const start = await openNetwork();
    const theirs = start([...ZEROCONF, "register"]);
    await theirs.line(/^registered$/);
    const ours = start([...OURS, "browse"]);
    expect((await ours.line(/^up .*/))[0]).toBe('up oscquery Python service 127.0.0.1 8123 {"a":"b"}');
    theirs.kill("SIGTERM");
    await ours.line(/^down oscquery Python service /);
  });
});

describeWith([IP, NETWORK_NAMESPACE], "the option advertise", () => {
  test("lets OSC and OSCQuery servers be found, until they close", async () => {
    const start = await openNetwork();
    const browsing = start([...OURS, "browse"]);
    const serving = start([...OURS, "serve"]);
    const [, udp, tcp, query] = await serving.line(/^serving (\d+) (\d+) (\d+)$/);
    const found = await browsing.until((lines) => lines.filter((line) => line.startsWith("up ")).length >= 3);
    expect(found).toContain(`up osc.udp Console of ours 127.0.0.1 ${udp} {"txtvers":"1","version":"1.1"}`);
    expect(found).toContain(`up osc.tcp Stream of ours 127.0.0.1 ${tcp} {"txtvers":"1","version":"1.1","framing":"slip"}`);
    expect(found).toContain(`up oscquery Console of ours 127.0.0.1 ${query} {"txtvers":"1","k":"v"}`);
    serving.kill("SIGTERM");
    for (const service of ["osc.udp Console", "osc.tcp Stream", "oscquery Console"])
      await browsing.line(new RegExp(`^down ${service} of ours `));
  });
});

describeWith([IP, NETWORK_NAMESPACE], "the option advertise of servers whose thread may be blocked", () => {
  const SERVE = [process.execPath, program("advertised-kinds.mjs")];

  test.each([
    ["BlockingOSCUDPServer", "serveForever", "osc.udp"],
    ["BlockingOSCTCPServer", "serveForever", "osc.tcp"],
    ["ThreadingOSCUDPServer", "serveForever", "osc.udp"],
    ["ThreadingOSCTCPServer", "start", "osc.tcp"],
    ["ForkingOSCUDPServer", "serveForever", "osc.udp"],
    ["ForkingOSCTCPServer", "start", "osc.tcp"],
  ])("lets %s be found during %s(), until it closes", async (name, method, type) => {
    const start = await openNetwork();
    const browsing = start([...OURS, "browse"]);
    const serving = start([...SERVE, name, method]);
    const [, port] = await serving.line(/^serving (\d+)$/);
    await browsing.line(new RegExp(`^up ${type} Server of ours 127\\.0\\.0\\.1 ${port} `));
    // Somebody who asks while the thread is blocked gets an answer, too.
    await start([...CLI, "find", "--type", type]).line(/Server of ours/);
    start([...CLI, "send", `${type}://127.0.0.1:${port}/`, "/stop"]);
    await browsing.line(new RegExp(`^down ${type} Server of ours `));
    await serving.line(/^closed$/);
  });

  test("throws in the constructor if no network interface can be used, and leaves the port free", async () => {
    const network = new RunningProgram("unshare", ["--net", ...SERVE, "BlockingOSCUDPServer", "serveForever", "0.0.0.0", "9000"]);
    onTestFinished(() => network[Symbol.asyncDispose]());
    await network.line(/^OSC_DISCOVERY_FAILED No network interface is usable/);
    await network.line(/^free$/);
  });
});

describeWith([IP, NETWORK_NAMESPACE], "oscine serve --query --advertise", () => {
  test("is found by oscine find with both its servers, and seen to leave", async () => {
    const handlers = join(folder, "handlers.mjs");
    writeFileSync(
      handlers,
      `import { Dispatcher } from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
      const dispatcher = new Dispatcher();
      dispatcher.map("/gain", { types: "f" }, () => undefined);
      export default dispatcher;`,
    );
    const start = await openNetwork();
    const finding = start([...CLI, "find", "--timeout", "0"]);
    const serving = start([...CLI, "serve", handlers, "--port", "0", "--query", "--advertise"]);
    const [, query] = await serving.line(/^OSCQuery: (http:\/\/127\.0\.0\.1:\d+\/)$/);
    const lines = await finding.until((found) => found.filter((line) => line.startsWith("+ ")).length >= 2);
    expect(lines.some((line) => line.startsWith(`+ ${query} `))).toBe(true);
    expect(lines.some((line) => line.startsWith("+ osc.udp://127.0.0.1:"))).toBe(true);
    serving.kill("SIGTERM");
    await finding.line(/^- http:/);
    await finding.line(/^- osc\.udp:/);
  });
});

describeWith([IP, NETWORK_NAMESPACE], "examples/vrchat.ts", () => {
  test("is found, described and sent to as VRChat does it", async () => {
    const start = await openNetwork();
    const finding = start([...OURS, "browse"]);
    const example = start([process.execPath, "--import", "tsx", fileURLToPath(new URL("../../examples/vrchat.ts", import.meta.url))]);
    const [, port] = await example.line(/^Waiting for VRChat on port (\d+); look at http:/);
    const [, query] = await finding.line(/^up oscquery Oscine 127\.0\.0\.1 (\d+) /);
    await start([...CLI, "query", `127.0.0.1:${query}`, "/avatar"]).line(/^\/avatar\/change +,s /);
    start([...CLI, "send", `:${port}`, "/avatar/parameters/Voice", "0.5"]);
    await example.line(/^Voice 0\.5$/);
    example.kill("SIGINT");
    await finding.line(/^down oscquery Oscine /);
  });
});

describeWith([IP, NETWORK_NAMESPACE, ...AVAHI], "Avahi", () => {
  test("finds what we advertise, and is found by us", async () => {
    const bus = join(folder, "bus");
    writeFileSync(
      join(folder, "dbus.conf"),
      `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${bus}</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`,
    );
    writeFileSync(join(folder, "avahi.conf"), "[server]\nhost-name=test\nuse-ipv6=no\nallow-interfaces=lo\n[publish]\n");
    const start = await openNetwork();
    await start(["dbus-daemon", `--config-file=${folder}/dbus.conf`, "--nofork", "--print-address"]).line(/^unix:/);
    const environment = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${bus}` };
    const avahi = ["avahi-daemon", "-f", `${folder}/avahi.conf`, "--no-drop-root", "--no-chroot", "--no-rlimits"];
    await start(avahi, environment).line(/Server startup complete/);
    await start([...OURS, "advertise"]).line(/^advertised$/);
    const theirs = start(["avahi-browse", "-rp", "_osc._udp"], environment);
    const [found] = await theirs.line(/^=.*;9000;.*/);
    expect(found).toMatch(/^=;lo;IPv4;Mixer\\032of\\032ours;_osc\._udp;local;oscine-\w+\.local;127\.0\.0\.1;9000;.*"uri=\/x"/);
    start(["avahi-publish", "-s", "Avahi service", "_osc._udp", "7777", "k=v"], environment);
    const ours = start([...OURS, "browse"]);
    await ours.line(/^up osc\.udp Avahi service 127\.0\.0\.1 7777 \{"k":"v"\}$/);
  });
});
