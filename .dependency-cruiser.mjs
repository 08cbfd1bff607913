// Who may import whom; docs/architecture.md explains it. Run with `npm run check:imports`.

/** Everything else builds on these. */
const BASE = "errors|fifo|net-address|options|packet-result|stack-traces";
/** What each part of src/ may import besides itself and BASE. */
const LAYERS = {
  codec: [],
  address: [],
  framing: [],
  url: ["framing"],
  text: ["codec", "address"],
  namespace: ["codec"],
  dispatch: ["namespace", "codec", "address", "framing", "text"],
  recording: ["codec", "framing", "text", "dispatch"],
  transport: ["framing"],
  discovery: ["dispatch"],
  oscquery: ["codec", "url", "dispatch", "namespace", "discovery", "transport"],
  server: ["codec", "address", "framing", "url", "namespace", "dispatch", "discovery", "transport"],
  client: ["codec", "address", "framing", "url", "dispatch", "transport"],
  nats: ["codec", "address", "framing", "url", "dispatch", "transport", "server"],
  // Bridges and commands load NATS when they need it; see "nats-is-loaded-on-demand".
  bridge: ["codec", "address", "framing", "url", "dispatch", "transport", "server", "client", "nats"],
  monitor: ["codec", "address", "text", "namespace", "transport", "recording", "client"],
  cli: [
    "codec",
    "address",
    "framing",
    "url",
    "text",
    "dispatch",
    "transport",
    "server",
    "client",
    "nats",
    "bridge",
    "monitor",
    "recording",
    "namespace",
    "oscquery",
    "discovery",
  ],
};
const PURE =
  "^src/(codec|address|framing|namespace|dispatch|text|url)/|^src/recording/(?!file\\.ts)|^src/(errors|fifo|net-address|options|packet-result|stack-traces|core|browser)\\.ts$";
const OUTSIDE = ["core", "npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown", "undetermined", "unknown"];

export default {
  forbidden: [
    { name: "no-circle", severity: "error", comment: "Types count, too.", from: {}, to: { circular: true } },
    {
      name: "base-imports-base",
      severity: "error",
      from: { path: `^src/(${BASE})\\.ts$` },
      to: { path: "^src/", pathNot: `^src/(${BASE})\\.ts$` },
    },
    ...Object.entries(LAYERS).map(([part, others]) => ({
      name: `${part}-imports-downward`,
      severity: "error",
      comment: `src/${part}/ may import ${["itself", "the base", ...others].join(", ")}.`,
      from: { path: `^src/${part}/` },
      to: { path: "^src/", pathNot: `^src/(${[part, ...others].join("|")})/|^src/(${BASE})\\.ts$` },
    })),
    {
      name: "entries-stay-on-top",
      severity: "error",
      comment: "Only index.ts and browser.ts import core.ts, and nothing imports these two.",
      from: { path: "^src/", pathNot: "^src/(index|browser)\\.ts$" },
      to: { path: "^src/(index|browser|core)\\.ts$" },
    },
    {
      name: "pure-parts-run-anywhere",
      severity: "error",
      comment: "The pure parts import nothing from Node or npm.",
      from: { path: PURE },
      to: { dependencyTypes: OUTSIDE },
    },
    {
      name: "browsers-get-nothing-of-node",
      severity: "error",
      from: { path: "^src/browser\\.ts$" },
      to: { path: "^src/(server|transport|nats|bridge|monitor|cli)/", reachable: true },
    },
    {
      name: "nats-stays-in-its-folder",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/nats/" },
      to: { path: "@nats-io/" },
    },
    {
      name: "nats-is-loaded-on-demand",
      severity: "error",
      comment: "Subjects, headers and peers need no package. The rest needs the packages of NATS, which are optional: use import().",
      from: { path: "^src/", pathNot: "^src/nats/" },
      to: {
        path: "^src/nats/",
        pathNot: "^src/nats/(subject|headers|peer)\\.ts$",
        dynamic: false,
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "only-known-packages",
      severity: "error",
      comment: "ws is the only dependency. koffi, NATS and multicast-dns are optional.",
      from: { path: "^src/", pathNot: "^src/monitor/page/" },
      to: {
        dependencyTypes: OUTSIDE.filter((type) => type !== "core"),
        pathNot: "node_modules/(ws|@types/ws|koffi|(@types/)?multicast-dns|@nats-io/(jetstream|transport-node|nats-core))/",
      },
    },
    { name: "imports-exist", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"], extensions: [".ts", ".mjs", ".js"] },
  },
};
