import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UserFolder } from "../shared/user-folder.ts";

/** Programs that must compile, as the body of a function with a `dispatcher`. */
const RIGHT = [
  `dispatcher.map("/a", { types: "f" }, (address: string, gain: number) => void [address, gain]);`,
  `dispatcher.map("/a", { types: "f" }, () => "/reply");`,
  `dispatcher.map("/a", { types: "if" }, (_address, index) => ["/a/is", index]);`,
  `dispatcher.map("/a", { types: "ifsbhtdScrmTFNI" }, (_address, i, f, s, b, h, t, d) =>
    void [i + f + d, s.length, b.byteLength, h + 1n, t.toDate()]);`,
  `dispatcher.map("/a", { types: "cr" }, (_address, letter, color) => void [letter.length, color.r + color.a]);`,
  `dispatcher.map("/a", { types: "mTN" }, (_address, midi, on, nothing) => { const a: boolean = on; const b: null = nothing; void [midi, a, b]; });`,
  `dispatcher.map("/a", { types: "i[f[s]]" }, (_address, _index, [level, [name]]) => void [level + 1, name.length]);`,
  `dispatcher.map("/a", { types: "f?s" }, (_address, level: number, name: string | undefined) => void [level, name]);`,
  `dispatcher.map("/a", { types: "f?s" }, (_address, level, name = "none") => void [level, name.length]);`,
  `dispatcher.map("/a", { types: "f" }, async (_address, level) => ["/a", level + 1]);`,
  `dispatcher.map("/a", { types: "f" }, (client, _address, level) => void [client.port + level], { needsReplyAddress: true });`,
  `dispatcher.map("/a", { types: "f" }, (context, _address, level) => context.reply(["/a", level + 1]), { needsContext: true });`,
  `const types: string = "f"; dispatcher.map("/a", { types }, (_address, ...args) => void args.length);`,
  `dispatcher.map("/a", { description: "anything" }, (_address, ...args) => void args.length);`,
  `dispatcher.map("/a", (_address: string, gain: number) => void gain);`,
];

/** Programs that must not. */
const WRONG = [
  `dispatcher.map("/a", { types: "f" }, (_address, gain: string) => void gain);`,
  `dispatcher.map("/a", { types: "s" }, (_address, gain: number) => void gain);`,
  `dispatcher.map("/a", { types: "h" }, (_address, id: number) => void id);`,
  `dispatcher.map("/a", { types: "T" }, (_address, on: number) => void on);`,
  `dispatcher.map("/a", { types: "f" }, (_address, gain, more: number) => void [gain, more]);`,
  `dispatcher.map("/a", { types: "" }, (_address, gain: number) => void gain);`,
  `dispatcher.map("/a", { types: "f?s" }, (_address, level: number, name: string) => void [level, name]);`,
  `dispatcher.map("/a", { types: "f?s" }, (_address, level, name) => void [level, name.length]);`,
  `dispatcher.map("/a", { types: "[ff]" }, (_address, x: number, y: number) => void [x, y]);`,
  `dispatcher.map("/a", { types: "[ff]" }, (_address, [x, y, z]) => void [x, y, z]);`,
  `dispatcher.map("/a", { types: "f" }, (address: number) => void address);`,
  `dispatcher.map("/a", { types: "f" }, (_address, gain) => void gain.length);`,
  `dispatcher.map("/a", { types: "q" }, (_address, gain: number) => void gain);`,
  `dispatcher.map("/a", { types: "f" }, () => 5);`,
  `dispatcher.map("/a", { types: "f" }, (_address, gain: number) => void gain, { needsContext: true });`,
  `dispatcher.map("/a", { types: "f", acces: "read" }, () => null);`,
  `dispatcher.map("/a", { types: "f", access: "rw" }, () => null);`,
  `dispatcher.map("/a", { types: "f", range: { min: 0 } }, () => null);`,
  `dispatcher.map("/a", { types: "f", range: [{ min: "0" }] }, () => null);`,
  `dispatcher.map("/a", { types: 5 }, () => null);`,
  `dispatcher.map("/a", { types: "f" });`,
];

describe("the parameters of described handlers", () => {
  const folder = new UserFolder(["es2023", "esnext.disposable", "dom"]);
  beforeAll(() => {
    for (const [index, code] of [...RIGHT, ...WRONG].entries())
      folder.write(`${index}.ts`, `import { Dispatcher } from "oscine";\nconst dispatcher = new Dispatcher();\n${code}\n`);
  });
  afterAll(() => folder.remove());

  test("compile if they are what the types say, and don't if they aren't", async () => {
    const all = [...RIGHT, ...WRONG];
    const complaints = await folder.complaints((index) => `#${index}#`);
    const refused = all.filter((_code, index) => complaints.includes(`#${index}#`));
    expect(refused, complaints).toEqual(WRONG);
  }, 120_000);
});
