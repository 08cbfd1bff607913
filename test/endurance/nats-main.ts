/** `npm run endurance:nats`: see nats.ts. */
import { parseArgs } from "node:util";
import { NatsServer } from "../nats/nats-server.ts";
import { endure } from "./nats.ts";

const { values } = parseArgs({ options: { packets: { type: "string", default: "200000" }, outage: { type: "string", default: "10000" } } });
await using servers = await NatsServer.start();
const account = await endure({ packets: Number(values.packets), outage: Number(values.outage), servers, ackWait: 5000 });
const accepted = account.fronts.map(
  ({ received, handled, dropped }) => `${received} received, ${handled} kept by the stream, ${dropped} dropped`,
);
console.log(`front ends: ${accepted.join("; ")}`);
console.log(
  `workers: ${account.handled} of ${values.packets} handled, ${account.duplicates} of them again; ${account.lost.length} lost; ${Math.round(account.milliseconds / 1000)} s`,
);
if (account.lost.length > 0) console.log(`lost: ${account.lost.slice(0, 100).join(", ")}`);
process.exitCode = account.lost.length === 0 ? 0 : 1;
