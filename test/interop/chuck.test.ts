import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, test } from "vitest";
import { type OscMessage, UDPClient } from "../../src/index.ts";
import { type Hearer, expectProfile, hear, itemsOf, listen, untilItHears } from "./exchange.ts";
import { fixed, messagesOf, tokenOf, typedValues } from "./line-text.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const CHUCK: FieldProgram = {
  name: "ChucK",
  package: "chuck",
  limits: [
    {
      direction: "hears",
      kinds: ["b", "h", "d", "t", "S", "c", "m"],
      cannot: "read any type but `i`, `f`, `s`: the others arrive without a value",
      cure: "send `i`, `f` and `s`",
    },
    {
      direction: "hears",
      kinds: ["r", "[]"],
      cannot: "read a message with a colour or an array",
      cure: "send a colour as `i`, an array as its values",
    },
    {
      direction: "sends",
      kinds: ["b", "h", "d", "t", "S", "c", "r", "m", "T", "F", "N", "I", "[]"],
      cannot: "send anything but `i`, `f` and `s`",
      cure: "none needed",
    },
    {
      direction: "hears",
      kinds: ["nested bundle"],
      cannot: "read a nested bundle, or anything after it",
      cure: "send the messages in one bundle, or one by one",
    },
    {
      direction: "sends",
      kinds: ["bundle", "nested bundle", "dated bundle"],
      cannot: "send bundles",
      cure: "none needed: its messages arrive in order",
    },
  ],
};

describeWith([{ name: "chuck", install: "apt-get install chuck" }], "ChucK", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-chuck-"));
  const matrix = new Matrix(CHUCK);
  afterAll(() => rmSync(folder, { recursive: true }));

  test("hears the values of UDPClient", async () => {
    const port = await steadyPort();
    const listener = fileURLToPath(new URL("programs/listener.ck", import.meta.url));
    await using program = new RunningProgram("chuck", ["--silent", `${listener}:${port}`]);
    await using client = new UDPClient("127.0.0.1", port, { onError: () => undefined });
    await untilItHears(program, (packet) => client.send(packet));
    const shows = (message: OscMessage): string => {
      const tokens = typedValues(message).map(([type, value]) => {
        if (type === "f") return fixed(value as number, 9);
        return type === "s" ? `"${String(value)}"` : tokenOf(type, value);
      });
      return [message.address, `,${message.types}`, ...tokens.filter((token) => token !== "")].join(" ");
    };
    const hearer: Hearer = { program, send: (packet) => client.send(packet), shows: (packet) => messagesOf(packet).map(shows) };
    matrix.add("hears", "UDP", await hear(hearer));
    await expectProfile("chuck", hearer);
  });

  test("is heard by AsyncOSCUDPServer", async () => {
    const items = itemsOf(["none", "i", "f", "s"]);
    const statementOf = (message: OscMessage): string => {
      const added = typedValues(message).map(([type, value]) => {
        if (type === "f") return `.add(${fixed(value as number, 20)})`;
        return type === "s" ? `.add("${String(value)}")` : `.add(${String(value)})`;
      });
      return `out.start("${message.address}")${added.join("")}.send();`;
    };
    const outcomes = await listen(items, async (port, listener) => {
      const statements = items.flatMap(({ packet }) => messagesOf(packet).map(statementOf));
      const file = join(folder, "sender.ck");
      writeFileSync(file, ["OscOut out;", `out.dest("127.0.0.1", ${port});`, ...statements, 'out.start("/mark").send();', ""].join("\n"));
      await using _program = new RunningProgram("chuck", ["--silent", file]);
      await listener.heard("/mark");
    });
    matrix.add("sends", "UDP", outcomes);
  });

  matrix.check();
});
