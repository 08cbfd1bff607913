/** OSCQuery: publishes and discovers methods. https://github.com/Vidvox/OSCQueryProposal */
export { OscQueryClient } from "./client.ts";
export type { OscQueryClientOptions, RemoteValue } from "./client.ts";
export type { HostInfo } from "./read-json.ts";
export { serveOscQuery } from "./server.ts";
export type { OscQueryServer, OscQueryServerOptions, OscQueryStats } from "./server.ts";
