import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const inCi = process.env["CI"] === "true";
/** What changes what holds for a whole process: what the environment says, for which the tests of other files run once more; the role of a worker. */
const APART = ["async-portable", "blocking-portable", "role"].map((name) => `test/server/${name}.test.ts`);

/** The files that take longest run first: one that starts last would keep everything waiting. */
const LONG = [
  "endurance/attack",
  "server/pool-programs",
  "shared/servers",
  "shared/attacks",
  "server/process-parity",
  "cli/tool",
  "cli/nats",
];

class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.some((name) => moduleId.endsWith(`/test/${name}.test.ts`));
    // oxlint-disable-next-line unicorn/no-array-sort -- this is the method of the base class.
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    pool: "forks",
    // Most tests wait for sockets, threads and processes; with as many files at once as there are processors, these would be idle.
    maxWorkers: availableParallelism() + 1,
    globalSetup: ["test/global-setup.mjs"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 15_000,
    hookTimeout: 60_000,
    retry: 0,
    sequence: { sequencer: LongFilesFirst },
    // Continuous integration reads the numbers from the file; see .ci/run.
    reporters: inCi ? ["default", "json"] : ["default"],
    outputFile: { json: "coverage/tests.json" },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/interop/**", "test/package/**", "test/browser/**", ...APART],
          // A process for each file would take a quarter of the time of all.
          isolate: false,
          restoreMocks: true,
          expect: { poll: { timeout: 10_000 } },
          unstubGlobals: true,
        },
      },
      { extends: true, test: { name: "apart", include: APART } },
      // In a browser, and what is bundled for one.
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          globalSetup: ["test/browser/global-setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      // With programs of others, over the network of this machine.
      { extends: true, test: { name: "interop", include: ["test/interop/**/*.test.ts"], testTimeout: 60_000 } },
      // The packed package, as one who installs it meets it.
      {
        extends: true,
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          globalSetup: ["test/package/install.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
