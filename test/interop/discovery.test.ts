import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { NETWORK_NAMESPACE, describeWith, run } from "./programs.ts";

const folder = mkdtempSync(join(tmpdir(), "oscine-discovery-"));
afterAll(() => rmSync(folder, { recursive: true }));

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const OURS = `${process.execPath} --import tsx ${program("discovery.ts")}`;
const ZEROCONF = `/usr/bin/python3 ${program("zeroconf-peer.py")}`;
/** Multicast on the loopback interface of a network that nobody else is in. */
const NETWORK = "ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo";

/** Runs a shell script in a network namespace of its own; gives what it printed. */
function inNetwork(script: string): string {
  const file = join(folder, "script.sh");
  writeFileSync(file, `${NETWORK}\n${script}\n`);
  return run("unshare", ["--net", "sh", file]);
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
  test("finds what we advertise, and sees it leave", () => {
    const printed = inNetwork(`${OURS} advertise 6 & sleep 1; ${ZEROCONF} browse 4; wait`);
    expect(printed).toContain(
      "found Mixer of ours._osc._udp.local. ['127.0.0.1'] 9000 [(b'txtvers', b'1'), (b'uri', b'/x'), (b'version', b'1.1')]",
    );
  });

  test("is found by us, and seen to leave", () => {
    const printed = inNetwork(`${ZEROCONF} register 4 & sleep 2; ${OURS} browse 5; wait`);
    expect(printed).toContain('up oscquery Python service 127.0.0.1 8123 {"a":"b"}');
    expect(printed).toContain("down oscquery Python service");
  });
});

describeWith([IP, NETWORK_NAMESPACE], "the option advertise", () => {
  test("lets OSC and OSCQuery servers be found, until they close", () => {
    const printed = inNetwork(`${OURS} browse 100 & browse=$!; sleep 2; ${OURS} serve 3; sleep 1; kill $browse; wait`);
    const [, udp, tcp, query] = /^serving (\d+) (\d+) (\d+)$/m.exec(printed) ?? [];
    expect(printed).toContain(`up osc.udp Console of ours 127.0.0.1 ${udp} {"txtvers":"1","version":"1.1"}`);
    expect(printed).toContain(`up osc.tcp Stream of ours 127.0.0.1 ${tcp} {"txtvers":"1","version":"1.1","framing":"slip"}`);
    expect(printed).toContain(`up oscquery Console of ours 127.0.0.1 ${query} {"txtvers":"1","k":"v"}`);
    for (const service of ["osc.udp Console", "osc.tcp Stream", "oscquery Console"]) expect(printed).toContain(`down ${service} of ours`);
  });
});

describeWith([IP, NETWORK_NAMESPACE, ...AVAHI], "Avahi", () => {
  test("finds what we advertise, and is found by us", () => {
    const bus = join(folder, "bus");
    writeFileSync(
      join(folder, "dbus.conf"),
      `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${bus}</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`,
    );
    writeFileSync(join(folder, "avahi.conf"), "[server]\nhost-name=test\nuse-ipv6=no\nallow-interfaces=lo\n[publish]\n");
    const printed = inNetwork(`
      dbus-daemon --config-file=${folder}/dbus.conf --nofork 2>/dev/null & bus=$!
      export DBUS_SYSTEM_BUS_ADDRESS=unix:path=${bus}
      until [ -S ${bus} ]; do sleep 0.1; done
      avahi-daemon -f ${folder}/avahi.conf --no-drop-root --no-chroot --no-rlimits 2>/dev/null & avahi=$!
      ${OURS} advertise 12 & ours=$!
      until timeout 2 avahi-browse -rtp _osc._udp 2>/dev/null | grep '^=.*9000'; do sleep 0.2; done
      avahi-publish -s "Avahi service" _osc._udp 7777 k=v 2>/dev/null & published=$!
      ${OURS} browse 4
      kill $published $ours $avahi $bus; wait`);
    expect(printed).toMatch(/^=;lo;IPv4;Mixer\\032of\\032ours;_osc\._udp;local;oscine-\w+\.local;127\.0\.0\.1;9000;.*"uri=\/x"/m);
    expect(printed).toContain('up osc.udp Avahi service 127.0.0.1 7777 {"k":"v"}');
  });
});
