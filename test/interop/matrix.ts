import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BUNDLE_FORMS, KINDS, type Kind, TYPE_TAGS } from "./items.ts";

/** Whether one item got across, and how not. */
export interface Outcome {
  readonly kind: Kind;
  readonly result: "exact" | "differs";
  readonly wanted?: readonly string[];
  readonly got?: readonly string[];
}

/** Seen from the program: it hears what we send, it sends what we hear. */
export type Direction = "hears" | "sends";

/** Something that a program cannot do, and how to live with it. */
interface Limit {
  readonly direction: Direction | "both";
  readonly kinds: readonly Kind[];
  readonly cannot: string;
  readonly cure: string;
}

/** A program of the field. */
export interface FieldProgram {
  /** As the table calls it. */
  readonly name: string;
  /** The Debian package that its version is asked of, where there is one. */
  readonly package?: string;
  readonly limits: readonly Limit[];
  /** Its version, where it is of no Debian package. */
  readonly version?: () => string;
}

const PAGE = new URL("../../docs/interoperability.md", import.meta.url);
const MATRIX = "matrix";
const LIMITS = "limits";

/** What the tests of one program found out, which docs/interoperability.md has to say as well. */
export class Matrix {
  readonly #program: FieldProgram;
  readonly #rows = new Map<string, string>();
  readonly #faults = new Map<Direction, Set<Kind>>();

  constructor(program: FieldProgram) {
    this.#program = program;
  }

  /**
   * Adds what one direction over one transport came to. Kinds that are in no outcome are ones that the program cannot be told.
   * Fails where something did not get across and no limit of the program says so.
   */
  add(direction: Direction, transport: string, outcomes: readonly Outcome[]): void {
    const explained = this.#explained(direction);
    expect(outcomes.filter(({ kind, result }) => result === "differs" && !explained.has(kind))).toEqual([]);
    const exact = (kind: Kind): boolean => {
      const those = outcomes.filter((outcome) => outcome.kind === kind);
      return those.length > 0 && those.every(({ result }) => result === "exact");
    };
    const differences = differencesOf(outcomes);
    const forms = BUNDLE_FORMS.filter(exact).map((form) => form.replace(/ ?bundle/, "") || "plain");
    const cells = [direction, transport, code(TYPE_TAGS.filter(exact)), forms.join(", ") || "–", differences.join("<br>") || "–"];
    this.#rows.set(`${direction} ${transport}`, cells.join(" | "));
    const faults = this.#faults.get(direction) ?? new Set();
    for (const kind of KINDS) if (!exact(kind)) faults.add(kind);
    this.#faults.set(direction, faults);
  }

  /** Adds a row in words, for a program with a dialogue of its own instead of a list of values. Tests have shown every word of it. */
  addDialogue(transport: string, works: readonly string[], bundles: string, otherwise: string): void {
    this.#rows.set(`dialogue ${transport}`, ["both", transport, works.join("<br>"), bundles, otherwise].join(" | "));
  }

  /** The test that compares the page with the run; to be called after the others. With `UPDATE_DOCS=1` it writes the page. */
  check(): void {
    test("docs/interoperability.md says what this run has shown", () => {
      const { name, limits } = this.#program;
      this.#checkLimits();
      const version = this.#program.version?.() ?? debianVersion(this.#program.package ?? "");
      const rows = [...this.#rows.values()].map((row) => `| ${name} | ${version} | ${row} |`);
      const cures = limits.map(({ direction, kinds, cannot, cure }) => `| ${name} | ${direction} | ${code(kinds)} | ${cannot} | ${cure} |`);
      const page = readFileSync(PAGE, "utf8");
      const written = replaceRows(replaceRows(page, MATRIX, name, rows), LIMITS, name, cures);
      if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PAGE, written);
      else expect(withoutVersions(page), "`npm run interop:docs` writes it anew").toBe(withoutVersions(written));
    });
  }

  #explained(direction: Direction): ReadonlySet<Kind> {
    const limits = this.#program.limits.filter((limit) => limit.direction === direction || limit.direction === "both");
    return new Set(limits.flatMap(({ kinds }) => kinds));
  }

  /** What does not work is explained, and what is explained does not work. */
  #checkLimits(): void {
    for (const [direction, faults] of this.#faults) {
      const explained = this.#explained(direction);
      expect(
        [...faults].filter((kind) => !explained.has(kind)),
        `what it ${direction} otherwise, without a word on how to live with it`,
      ).toEqual([]);
      expect(
        [...explained].filter((kind) => !faults.has(kind)),
        `what it ${direction} after all`,
      ).toEqual([]);
    }
  }
}

function code(kinds: readonly Kind[]): string {
  return kinds.length === 0
    ? "–"
    : kinds
        .map((kind) => (kind.endsWith("bundle") ? `${kind}s` : `\`${kind}\``))
        .join(", ")
        .replaceAll("`, `", "` `");
}

/** For each kind that did not get across, the first value that shows it; those of which nothing came, or no value, together. */
function differencesOf(outcomes: readonly Outcome[]): string[] {
  const odd = KINDS.flatMap((kind) => outcomes.find((outcome) => outcome.kind === kind && outcome.result === "differs") ?? []);
  const groups = new Map<string, Kind[]>();
  for (const outcome of odd) {
    const text = describe(outcome);
    groups.set(text, [...(groups.get(text) ?? []), outcome.kind]);
  }
  return [...groups].map(([text, kinds]) => `${code(kinds)}: ${text}`);
}

/** What a program made of an item, in few words. */
function describe({ wanted = [], got = [] }: Outcome): string {
  if (got.length === 0) return "nothing";
  const at = got.findIndex((line, index) => line !== wanted[index]);
  const odd = got[at];
  if (odd === undefined) return "in part";
  const [before, after] = [wanted[at] ?? "", odd].map((line) => line.replace(/^\/v\/\d+ ?/, "").replaceAll("|", "\\|"));
  return /^(?:,\S*)?$/.test(after ?? "") ? "no value" : `\`${before}\` → \`${after}\``;
}

/** The page with the rows of one program replaced, in the table between `<!-- name -->` and `<!-- end -->`; programs stand in alphabetical order. */
function replaceRows(page: string, table: string, program: string, rows: readonly string[]): string {
  const pattern = new RegExp(`(<!-- ${table} -->\n(?:.*\n){2})((?:\\|.*\n)*)(<!-- end -->)`);
  const found = pattern.exec(page);
  if (found === null) throw new Error(`docs/interoperability.md has no table between <!-- ${table} --> and <!-- end -->`);
  const programOf = (row: string): string => (row.split(" | ")[0] ?? "").replace("| ", "").toLowerCase();
  const others = (found[2] ?? "").split("\n").filter((row) => row !== "" && programOf(row) !== program.toLowerCase());
  const all = [...others, ...rows].toSorted((a, b) => (programOf(a) < programOf(b) ? -1 : Number(programOf(a) > programOf(b))));
  return page.replace(pattern, (_all, head: string, _rows: string, end: string) => `${head}${all.map((row) => `${row}\n`).join("")}${end}`);
}

/** A point release of Debian changes the version; what works is what counts. */
function withoutVersions(page: string): string {
  return page.replace(/^(\| [^|]+ \|) [^|]+ (\| (?:hears|sends|both) \|)/gm, "$1 $2");
}

/** The version of the program itself, without what Debian adds. */
function debianVersion(name: string): string {
  const { status, stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Version}", name], { encoding: "utf8" });
  if (status !== 0) return "?";
  return stdout
    .replace(/^\d+:/, "")
    .replace(/-[^-]*$/, "")
    .replace(/[~+](?:dfsg|ds|svn|repack).*$/, "");
}
