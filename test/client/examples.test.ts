import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { OscBundle, OscMessage } from "../../src/codec/index.ts";
import { Peer } from "./peer.ts";
import { steadyPort } from "../steady-port.ts";

const run = promisify(execFile);

function example(name: string, port: number): Promise<{ stdout: string; stderr: string }> {
  const path = fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url));
  return run(process.execPath, ["--import", "tsx", path, String(port)], { timeout: 12_000 });
}

test("examples/simple-client.ts sends its messages and ends", async () => {
  const peer = await Peer.open();
  await example("simple-client", peer.port);
  expect((await peer.next()).packet).toMatchObject({ address: "/some/address", types: "i", args: [123] });
  expect((await peer.next()).packet).toMatchObject({ address: "/some/address", types: "f", args: [123] });
  expect((await peer.next()).packet).toMatchObject({ address: "/some/address", types: "ifs", args: [1, 2.5, "hello"] });
  const { packet } = await peer.next();
  expect(packet).toBeInstanceOf(OscBundle);
  expect(packet).toMatchObject({ elements: [{ args: [60] }, { args: [64] }], timeTag: { isImmediate: false } });
});

test("examples/dispatch-client.ts handles messages and replies", async () => {
  const peer = await Peer.open();
  peer.answerAll(({ address }) => {
    if (address !== "/subscribe") return null;
    return new OscBundle([new OscMessage("/ch/1/fader", 0.5), new OscMessage("/ping"), new OscMessage("/ch/2/fader", 1)]);
  });
  const { stdout } = await example("dispatch-client", peer.port);
  expect(stdout).toBe("/ch/1/fader: 0.5\n/ch/2/fader: 1\n3 messages\n");
  expect(peer.addresses).toEqual(["/subscribe", "/pong"]);
});

test("examples/request.ts prints the answers although the first request gets lost", async () => {
  const peer = await Peer.open();
  const asked: string[] = [];
  peer.answerAll(({ address, args }, { from }) => {
    asked.push(address);
    if (address === "/info") return asked.length === 1 ? null : new OscMessage("/info", ["a", "mixer"]);
    if (args[0] === 3) void peer.say(new OscMessage("/bye", "now"), from.port);
    return new OscMessage("/name", [args[0] ?? null, `name ${String(args[0])}`]);
  });
  const { stdout } = await example("request", peer.port);
  expect(stdout.split("\n").toSorted()).toEqual(
    ["", "/bye now", "Channel 1: name 1", "Channel 2: name 2", "Channel 3: name 3", "This is a mixer"].toSorted(),
  );
  expect(asked).toEqual(["/info", "/info", "/name/get", "/name/get", "/name/get"]);
});

test("examples/request.ts says what it waited for if nobody answers", async () => {
  const port = await steadyPort();
  await expect(example("request", port)).rejects.toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^No reply \/info .*sent 3 times.*\n$/),
  });
});
