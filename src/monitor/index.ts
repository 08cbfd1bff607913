/** The monitor: a page that shows what arrives. `oscine monitor` and `oscine serve --monitor` serve it. */
export { Monitor } from "./monitor.ts";
export type { Listening, MonitorOptions } from "./monitor.ts";
export type { Sender, SenderFactory } from "./page-senders.ts";
