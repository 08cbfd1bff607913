/** The monitor: a page that shows what arrives. `oscine monitor` and `oscine serve --monitor` serve it. */
export { Monitor, type MonitorOptions } from "./monitor.ts";
