import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The road of the data, as docs/architecture.md describes it: what each part of src/ may import besides itself. */
const BASE = ["errors.ts", "net-address.ts", "options.ts", "packet-result.ts", "stack-traces.ts"];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": ["stack-traces.ts"],
  "stack-traces.ts": [],
  "net-address.ts": [],
  "options.ts": ["errors.ts"],
  "packet-result.ts": ["errors.ts"],
  codec: BASE,
  address: BASE,
  framing: BASE,
  url: [...BASE, "framing"],
  dispatch: [...BASE, "codec", "address", "framing", "text"],
  text: [...BASE, "codec", "address"],
  transport: [...BASE, "framing"],
  server: [...BASE, "codec", "address", "framing", "url", "dispatch", "transport"],
  client: [...BASE, "codec", "address", "framing", "url", "dispatch", "transport"],
  bridge: [...BASE, "codec", "address", "framing", "url", "dispatch", "transport", "server", "client"],
  nats: [...BASE, "codec", "address", "framing", "url", "dispatch", "transport", "server"],
  monitor: [...BASE, "codec", "address", "text", "client"],
  cli: [...BASE, "codec", "address", "framing", "url", "dispatch", "transport", "server", "client", "bridge", "text", "monitor"],
  // What index.ts and browser.ts have in common.
  "core.ts": [...BASE, "codec", "address", "framing", "dispatch"],
  "index.ts": [...BASE, "core.ts", "codec", "address", "framing", "dispatch", "transport", "server", "client", "bridge"],
  "browser.ts": [...BASE, "core.ts", "codec", "address", "framing", "dispatch", "client"],
};
const PURE = [
  "errors.ts",
  "net-address.ts",
  "options.ts",
  "packet-result.ts",
  "stack-traces.ts",
  "codec",
  "address",
  "framing",
  "url",
  "dispatch",
  "text",
  "core.ts",
  "nats/subject.ts",
  "nats/packet-headers.ts",
];
/** These may load src/nats/ when it is asked for, and no other part may import it at all. */
const NATS_USERS = ["cli", "bridge"];
/** What the language has in every place it runs in; the pure parts may name nothing else that only Node has. */
const NODE_GLOBALS = new Set([
  "Buffer",
  "NodeJS",
  "process",
  "global",
  "require",
  "__dirname",
  "__filename",
  "setImmediate",
  "clearImmediate",
]);
/** Only the scheduler may wait. */
const TIMERS = new Set(["setTimeout", "setInterval", "queueMicrotask"]);

interface Import {
  readonly to: string;
  /** False where it is erased when compiled. */
  readonly atRunTime: boolean;
}

interface Source {
  /** With slashes, from src/. */
  readonly path: string;
  readonly part: string;
  readonly imports: readonly Import[];
  readonly identifiers: ReadonlySet<string>;
  /** What is loaded together with the file, and not when a function asks for it. */
  readonly loadsAtOnce: readonly string[];
  readonly callsExit: boolean;
  readonly awaitsAtTop: boolean;
}

const sources = new Map(filesBelow(join(root, "src"), (path) => path.endsWith(".ts")).map((file) => [file, scan(file)]));

describe("the imports of src/", () => {
  test("every part is known here", () => {
    expect([...new Set([...sources.values()].map(({ part }) => part))].filter((part) => !(part in ALLOWED))).toEqual([]);
  });

  test("point only the way the data goes", () => {
    const wrong: string[] = [];
    for (const { path, part, imports } of sources.values()) {
      for (const { to } of imports.filter((one) => isOurs(one.to))) {
        const target = resolve(path, to).split("/")[0] ?? "";
        if (target === "nats" && NATS_USERS.includes(part)) continue;
        if (target !== part && !ALLOWED[part]?.includes(target)) wrong.push(`${path} imports ${to}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("name NATS in src/nats/ only, which others load only when it is asked for", () => {
    const all = [...sources.values()];
    const named = all.filter(({ imports }) => imports.some(({ to }) => to.startsWith("@nats-io/")));
    expect([...new Set(named.map(({ part }) => part))]).toEqual(["nats"]);
    expect(all.filter(({ loadsAtOnce }) => loadsAtOnce.some((to) => to.startsWith("@nats-io/"))).map(({ path }) => path)).toEqual([]);
    // Subjects and headers are pure, and need no package.
    const needsPackage = (target: string): boolean => target.startsWith("nats/") && !/^nats\/(subject|packet-headers)\.ts$/.test(target);
    const others = all.filter(({ part }) => part !== "nats");
    expect(
      others.filter(({ path, loadsAtOnce }) => loadsAtOnce.some((to) => needsPackage(resolve(path, to)))).map(({ path }) => path),
    ).toEqual([]);
  });

  test("name files that exist, with their ending", () => {
    const missing: string[] = [];
    for (const { path, imports } of sources.values()) {
      for (const { to } of imports.filter((one) => isOurs(one.to))) {
        if (!existsSync(join(root, "src", resolve(path, to)))) missing.push(`${path} imports ${to}`);
      }
    }
    expect(missing).toEqual([]);
  });

  test("make no circle", () => {
    expect(circles()).toEqual([]);
  });
});

describe("the pure parts", () => {
  // All that browsers get, besides those folders that are made for it.
  const reached = filesFrom("browser.ts");
  const pure = [...sources.values()].filter(({ path, part }) => PURE.includes(part) || PURE.includes(path) || reached.has(path));

  test("import nothing but our own files", () => {
    expect(pure.flatMap(({ path, imports }) => imports.filter(({ to }) => !isOurs(to)).map(({ to }) => `${path} imports ${to}`))).toEqual(
      [],
    );
  });

  test("name nothing that only Node has", () => {
    expect(
      pure.flatMap(({ path, identifiers }) => [...identifiers].filter((name) => NODE_GLOBALS.has(name)).map((name) => `${path}: ${name}`)),
    ).toEqual([]);
  });

  test("start no timer, except the scheduler's folder", () => {
    const timeless = pure.filter(({ part }) => PURE.includes(part) && part !== "dispatch");
    expect(
      timeless.flatMap(({ path, identifiers }) => [...identifiers].filter((name) => TIMERS.has(name)).map((name) => `${path}: ${name}`)),
    ).toEqual([]);
  });
});

describe("the entries of the package", () => {
  const entries = ["index.ts", "browser.ts", "codec/index.ts", "address/index.ts", "framing/index.ts"];

  test("index.ts reaches no packages of others but ws and that of NATS, and these only once a WebSocket or NATS is used", () => {
    const others = ["@nats-io/transport-node", "ws"];
    expect(outsideOf("index.ts").filter((name) => !name.startsWith("node:"))).toEqual(others);
    expect([...filesFrom("index.ts")].filter((path) => others.some((name) => sources.get(path)?.loadsAtOnce.includes(name)))).toEqual([]);
  });

  test.each(entries.slice(1))("%s reaches nothing of Node", (entry) => {
    expect(outsideOf(entry)).toEqual([]);
  });

  test("are ready for require(): no await at the top of a file", () => {
    expect([...sources.values()].filter(({ awaitsAtTop }) => awaitsAtTop).map(({ path }) => path)).toEqual([]);
  });

  test("do nothing when they are imported", () => {
    const program = `
      const before = [process.eventNames().length, Object.keys(globalThis).length];
      await import(${JSON.stringify(pathToFileURL(join(root, "dist", "index.js")).href)});
      const after = [process.eventNames().length, Object.keys(globalThis).length];
      const resources = process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|FSReqPromise|FSReqCallback|CloseReq)$/.test(name));
      console.log(JSON.stringify({ before, after, resources }));
    `;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8", timeout: 15_000 });
    const { before, after, resources } = JSON.parse(output) as { before: number[]; after: number[]; resources: string[] };
    expect(resources).toEqual([]);
    expect(after).toEqual(before);
  });
});

test("only the command line's main file and the entries of workers end the process", () => {
  const enders = [...sources.values()].filter(({ callsExit }) => callsExit).map(({ path }) => path);
  expect(enders.filter((path) => path !== "cli/main.ts" && !/^server\/[a-z-]+\/[a-z-]+-entry\.ts$/.test(path))).toEqual([]);
});

test("no file names a place of somebody's machine", () => {
  const homes = new RegExp(String.raw`(?<![\w.:/-])/(?:${["work", "home", "Users", "root"].join("|")})/[\w.-]|[A-Z]:\\Users\\`);
  const named: string[] = [];
  for (const file of filesBelow(root, (path) => !/\.(tgz|png|osc|bin)$/.test(path))) {
    if (
      file ===
      relative(root, fileURLToPath(import.meta.url))
        .split(sep)
        .join("/")
    )
      continue;
    for (const [index, line] of readFileSync(join(root, file), "utf8").split("\n").entries()) {
      if (homes.test(line)) named.push(`${file}:${index + 1}: ${line.trim().slice(0, 100)}`);
    }
  }
  expect(named).toEqual([]);
});

/** All files below a folder, from there, with slashes. What is installed or made is left out. */
function filesBelow(folder: string, wanted: (path: string) => boolean): string[] {
  const found: string[] = [];
  const visit = (below: string): void => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = posix.join(below, entry.name);
      if (entry.isDirectory()) {
        const made = /^(node_modules|\.git|dist.*|coverage)$/.test(entry.name) || /^bench\/(build|results)$/.test(path);
        if (!made) visit(path);
      } else if (entry.isFile() && entry.name !== ".git" && wanted(path)) found.push(path);
    }
  };
  visit("");
  return found.toSorted();
}

function scan(path: string): Source {
  const text = readFileSync(join(root, "src", path), "utf8");
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const identifiers = new Set<string>();
  const loadsAtOnce: string[] = [];
  let callsExit = false;
  let awaitsAtTop = false;

  const visit = (node: ts.Node, inFunction: boolean): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const atRunTime = node.importClause?.isTypeOnly !== true;
      imports.push({ to: node.moduleSpecifier.text, atRunTime });
      if (atRunTime) loadsAtOnce.push(node.moduleSpecifier.text);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({ to: node.moduleSpecifier.text, atRunTime: !node.isTypeOnly });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      imports.push({ to: node.argument.literal.text, atRunTime: false });
    } else if (ts.isCallExpression(node)) {
      const [first] = node.arguments;
      const loads = node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText(file) === "require";
      if (loads && first !== undefined && ts.isStringLiteralLike(first)) imports.push({ to: first.text, atRunTime: true });
      if (node.expression.getText(file) === "process.exit") callsExit = true;
    } else if (ts.isIdentifier(node) && !isMemberName(node)) {
      identifiers.add(node.text);
    } else if (!inFunction && (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined))) {
      awaitsAtTop = true;
    }
    ts.forEachChild(node, (child) => visit(child, inFunction || ts.isFunctionLike(node)));
  };
  visit(file, false);
  return { path, part: path.split("/")[0] ?? "", imports, identifiers, loadsAtOnce, callsExit, awaitsAtTop };
}

/** True for the `b` of `a.b` and of `{ b: 1 }`, which name a member and not something in scope. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent))
    return (ts.isQualifiedName(parent) ? parent.right : parent.name) === node;
  const isNamed = ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent);
  return (isNamed || ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent)) && parent.name === node;
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith(".");
}

function resolve(from: string, to: string): string {
  return posix.join(posix.dirname(from), to);
}

/** What is imported at run time from other packages and from Node, from an entry on. */
function outsideOf(entry: string): string[] {
  expect(sources.has(entry), `src/${entry} exists`).toBe(true);
  const imports = [...filesFrom(entry)].flatMap((path) => sources.get(path)?.imports ?? []);
  return [...new Set(imports.filter(({ to, atRunTime }) => atRunTime && !isOurs(to)).map(({ to }) => to))].toSorted();
}

/** The files of ours that are loaded at run time, from an entry on. */
function filesFrom(entry: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { to, atRunTime } of sources.get(path)?.imports ?? []) if (atRunTime && isOurs(to)) visit(resolve(path, to));
  };
  visit(entry);
  return seen;
}

/** Every circle of imports that is left when the code runs, as `a → b → a`. */
function circles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, road: readonly string[]): void => {
    const at = road.indexOf(path);
    if (at !== -1) found.push([...road.slice(at), path].join(" → "));
    if (at !== -1 || done.has(path)) return;
    for (const { to, atRunTime } of sources.get(path)?.imports ?? []) {
      if (atRunTime && isOurs(to)) visit(resolve(path, to), [...road, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}
