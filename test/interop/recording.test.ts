import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, decode, encode, float } from "../../src/codec/index.ts";
import { lengthPrefixEncode, slipEncode } from "../../src/framing/index.ts";
import { createRecording, openRecording } from "../../src/recording/file.ts";
import type { RecordedPacket } from "../../src/recording/index.ts";
import { UDPClient } from "../../src/index.ts";
import { untilItHears } from "./exchange.ts";
import { steadyPort } from "../steady-port.ts";
import { BEEP } from "./synth-def.ts";
import { LIBLO_TOOLS, RunningProgram, describeWith, findProgram, run } from "./programs.ts";

const folder = mkdtempSync(join(tmpdir(), "oscine-recording-"));
afterAll(() => rmSync(folder, { recursive: true }));

const START = Date.now();
const PACKETS = [new OscMessage("/mixer/1/gain", [float(0.1), 5, "hello", true]), new OscMessage("/pan", [float(-1)])];

async function record(name: string): Promise<string> {
  const path = join(folder, name);
  await using file = await createRecording(path);
  for (const [index, message] of PACKETS.entries()) {
    const family = index === 0 ? "IPv4" : "IPv6";
    const address = index === 0 ? "127.0.0.1" : "::1";
    const end = (port: number) => ({ address, port, family }) as const;
    file.write({ time: START + index * 250, source: end(5000), destination: end(9000), transport: "udp", data: encode(message).slice() });
  }
  return path;
}

async function read(path: string): Promise<RecordedPacket[]> {
  const packets: RecordedPacket[] = [];
  for await (const packet of await openRecording(path)) packets.push(packet);
  return packets;
}

const TSHARK = { name: "tshark", install: "apt-get install tshark" };
const DUMPCAP = { name: "dumpcap", install: "apt-get install tshark" };
const IP = { name: "ip", install: "apt-get install iproute2" };
const UNSHARE = {
  name: "unshare",
  install: "apt-get install util-linux, and rights to make a network namespace",
  isOptional: true,
  isPresent: (): boolean => {
    try {
      run("unshare", ["--net", "true"]);
      return findProgram("unshare") !== undefined;
    } catch {
      return false;
    }
  },
};

describeWith([TSHARK], "tshark", () => {
  test("reads addresses, values, times and valid checksums from a capture that we wrote", async () => {
    const path = await record("written.pcapng");
    const fields = [
      "frame.time_epoch",
      "ip.src",
      "ipv6.src",
      "udp.dstport",
      "udp.checksum.status",
      "osc.message.header.path",
      "osc.message.float",
    ];
    const words = [
      "-r",
      path,
      "--enable-heuristic",
      "osc_udp",
      "-o",
      "udp.check_checksum:TRUE",
      "-T",
      "fields",
      ...fields.flatMap((field) => ["-e", field]),
    ];
    const lines = run("tshark", words).trimEnd().split("\n");
    expect(lines.map((line) => line.split("\t"))).toEqual([
      [`${(START / 1000).toFixed(3)}000000`, "127.0.0.1", "", "9000", "1", "/mixer/1/gain", "0.1"],
      [`${((START + 250) / 1000).toFixed(3)}000000`, "", "::1", "9000", "1", "/pan", "-1"],
    ]);
  });
});

describeWith([DUMPCAP, IP, UNSHARE], "dumpcap", () => {
  test.each(["pcap", "pcapng"])("a %s of UDP, fragments and TCP over IPv4 and IPv6 is read packet by packet", async (format) => {
    const path = join(folder, `captured.${format}`);
    const packets = [
      encode(new OscMessage("/gain", [float(0.5)])).slice(),
      encode(new OscMessage("/big", [new Uint8Array(20_000)])).slice(),
    ];
    const [small] = packets;
    const streams = [
      Buffer.concat(packets.map((packet) => lengthPrefixEncode(packet))),
      Buffer.concat([slipEncode(small!), slipEncode(small!)]),
    ];
    const sender = join(folder, "sender.mjs");
    writeFileSync(
      sender,
      `import { createSocket } from "node:dgram"; import { once } from "node:events"; import { connect, createServer } from "node:net";
       const [packets, streams] = ${JSON.stringify([packets, streams].map((list) => list.map((bytes) => Buffer.from(bytes).toString("hex"))))}.map((list) => list.map((hex) => Buffer.from(hex, "hex")));
       for (const [type, host] of [["udp4", "127.0.0.1"], ["udp6", "::1"]]) {
         const sink = createSocket(type); sink.bind(9000, host); await once(sink, "listening");
         const socket = createSocket(type);
         for (const packet of packets) { socket.send(packet, 9000, host); await once(sink, "message"); }
         socket.close(); sink.close();
         const server = createServer((peer) => peer.resume()).listen(9001, host); await once(server, "listening");
         for (const stream of streams) { const client = connect(9001, host); client.end(stream); client.resume(); await once(client, "close"); }
         server.close();
       }`,
    );
    // The loopback interface has fragments only with the MTU of a real network, and the capture ends with its last packet.
    const script = `ip link set lo up mtu 1500 && { dumpcap -q -i lo ${format === "pcap" ? "-P" : ""} -w ${path} & until grep -q . ${path} 2>/dev/null; do sleep 0.1; done;
      sleep 0.5; ${process.execPath} ${sender}; sleep 1; kill -INT $!; wait; }`;
    run("unshare", ["--net", "sh", "-c", script]);
    const seen = await read(path);
    expect(
      seen.map(({ transport, source, data }) => `${source?.family} ${transport} ${(decode(data) as OscMessage).address} ${data.length}`),
    ).toEqual(
      ["IPv4", "IPv6"].flatMap((family) => [
        `${family} udp /gain 16`,
        `${family} udp /big 20016`,
        `${family} tcp /gain 16`,
        `${family} tcp /big 20016`,
        `${family} tcp /gain 16`,
        `${family} tcp /gain 16`,
      ]),
    );
    expect(seen.every(({ time }) => Math.abs(time - Date.now()) < 60_000)).toBe(true);
  });
});

describeWith(
  [
    { name: "oscdump", install: LIBLO_TOOLS },
    { name: "oscsendfile", install: LIBLO_TOOLS },
  ],
  "oscdump and oscsendfile",
  () => {
    test("oscsendfile sends what we wrote, and what oscdump prints of it is what we read", async () => {
      const path = await record("written.txt");
      const port = await steadyPort();
      await using oscdump = new RunningProgram("oscdump", ["-L", String(port)]);
      await using client = new UDPClient("127.0.0.1", port);
      await untilItHears(oscdump, (packet) => client.send(packet));
      run("oscsendfile", ["127.0.0.1", String(port), path]);
      const isOurs = (line: string): boolean => !line.includes("/probe");
      const lines = (await oscdump.until((all) => all.filter(isOurs).length >= PACKETS.length)).filter(isOurs);
      const printed = join(folder, "printed.txt");
      writeFileSync(printed, `${lines.join("\n")}\n`);
      const packets = await read(printed);
      expect(packets.map(({ data }) => decode(data))).toEqual(PACKETS.map((message) => decode(encode(message))));
      expect((packets[1]?.time ?? 0) - (packets[0]?.time ?? 0)).toBeCloseTo(250, 0);
    });
  },
);

describeWith([{ name: "scsynth", install: "apt-get install supercollider-server" }], "scsynth -N", () => {
  test("renders the same sound from a score that we read and wrote again, and from one made of bundles recorded live", async () => {
    const at = (seconds: number, ...messages: OscMessage[]): OscBundle =>
      new OscBundle(messages, new TimeTag(Math.floor(seconds), Math.round((seconds % 1) * 2 ** 32)));
    const score = [
      at(0, new OscMessage("/d_recv", [BEEP])),
      at(0.1, new OscMessage("/s_new", ["beep", 1000, 0, 0])),
      at(0.4, new OscMessage("/n_free", [1000])),
      at(0.5, new OscMessage("/c_set", [0, 0])),
    ];
    const original = join(folder, "original.osc");
    writeFileSync(original, Buffer.concat(score.map((bundle) => lengthPrefixEncode(encode(bundle)))));
    const again = join(folder, "again.osc");
    const live = join(folder, "live.osc");
    const recording = await openRecording(original);
    await using copy = await createRecording(again, { start: recording.start });
    for await (const packet of recording) copy.write(packet);
    await copy.close();
    await using fromLive = await createRecording(live);
    for (const { timeTag, elements } of score) {
      const time = START + timeTag.seconds * 1000 + (timeTag.fraction / 2 ** 32) * 1000;
      const bundle = encode(new OscBundle(elements, TimeTag.from(time))).slice();
      fromLive.write({ time, source: null, destination: null, transport: "udp", data: bundle });
    }
    await fromLive.close();
    const [expected, ...others] = [original, again, live].map((path) => {
      const sound = `${path}.wav`;
      run("scsynth", ["-D", "0", "-N", path, "_", sound, "44100", "WAV", "int16", "-o", "1"]);
      return readFileSync(sound).toString("base64");
    });
    expect(expected?.length).toBeGreaterThan(40_000);
    expect(others.every((sound) => sound === expected)).toBe(true);
  });
});
