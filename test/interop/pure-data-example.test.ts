import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { OscMessage, UDPClient } from "../../src/index.ts";
import { Listener } from "./listener.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

describeWith([{ name: "pd", install: "apt-get install puredata-core" }], "examples/pure-data.pd", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-pd-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("sends to a server when it is opened, and prints what a client sends", async () => {
    await using listener = await Listener.open();
    const port = await steadyPort();
    const patch = readFileSync(new URL("../../examples/pure-data.pd", import.meta.url), "utf8");
    expect(patch).toMatch(/netreceive -u -b 9000;.*connect 127\.0\.0\.1 1337;/s);
    const file = join(folder, "pure-data.pd");
    writeFileSync(file, patch.replace("9000", String(port)).replace("1337", String(listener.port)));
    await using pd = new RunningProgram("pd", ["-nogui", "-noaudio", "-nomidi", "-stderr", file]);

    const [heard] = await listener.heard("/filter/cutoff");
    expect(heard).toMatchObject({ address: "/filter/cutoff", types: "f", args: [0.5] });

    await using client = new UDPClient("127.0.0.1", port, { for: "puredata" });
    await client.send(new OscMessage("/synth/freq", [440, true]));
    await pd.line(/^synth: freq 440 1$/);
  });
});
