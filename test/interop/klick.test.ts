import { expect, test } from "vitest";
import { OscMessage, UDPClient, double } from "../../src/index.ts";
import { JackHome } from "./jack.ts";
import { lineOf, messagesOf } from "./line-text.ts";
import { Listener } from "./listener.ts";
import { Matrix } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const KLICK = { name: "klick", install: "apt-get install klick" };
const JACKD = { name: "jackd", install: "apt-get install jackd1" };

describeWith([KLICK, JACKD], "klick", () => {
  const matrix = new Matrix({ name: "klick, a metronome on liblo", package: "klick", limits: [] });

  test("takes what UDPClient asks, and tells AsyncOSCUDPServer", async () => {
    using jack = new JackHome("klick");
    await using listener = await Listener.open();
    const port = await steadyPort();
    await using program = new RunningProgram("klick", ["-o", String(port)], jack.environment);
    await using client = new UDPClient("127.0.0.1", port, { onError: () => undefined });
    const { port: own } = await client.open();

    await client.request("/klick/ping", [`osc.udp://127.0.0.1:${own}/`], { replyTo: "/klick/pong", timeout: 100, retries: 200 });
    await client.send(new OscMessage("/klick/register_client", `osc.udp://127.0.0.1:${listener.port}/`));
    for (const message of [
      new OscMessage("/klick/simple/set_meter", [7, 8]),
      new OscMessage("/klick/simple/set_tempo", [97.5], "f"),
      new OscMessage("/klick/simple/set_tempo", double(33.5)),
      new OscMessage("/klick/simple/set_tempo", 66),
      new OscMessage("/klick/simple/set_pattern", "XxxxXxx"),
      new OscMessage("/klick/metro/set_type", "map"),
    ]) {
      await client.send(message);
    }
    const told = (await listener.heard("/klick/metro/type")).flatMap((packet) => messagesOf(packet)).map((message) => lineOf(message));
    expect(told).toEqual([
      "/klick/simple/meter ,ii 7 8",
      "/klick/simple/tempo ,f 97.5",
      "/klick/simple/tempo ,f 33.5",
      "/klick/simple/tempo ,f 66",
      '/klick/simple/pattern ,s "XxxxXxx"',
      '/klick/metro/type ,s "map"',
    ]);
    await client.send(new OscMessage("/klick/quit"));
    await program.ended;
    matrix.addDialogue(
      "UDP",
      ["asked with `i` `f` `d` `s` and without arguments, it tells what it was set to, with `i` `f` `s`"],
      "–",
      "–",
    );
  });

  matrix.check();
});
