/** Advertises a service for as long as it runs, or prints what it finds for some seconds. */
import { advertise, browse } from "../../../src/discovery/index.ts";

const [what, seconds = "5"] = process.argv.slice(2);
if (what === "advertise") {
  await advertise({ type: "osc.udp", name: "Mixer of ours", port: 9000, txt: { uri: "/x" } });
  console.log("advertised");
  setTimeout(() => process.exit(), Number(seconds) * 1000);
} else {
  for await (const { kind, service } of browse({ timeout: Number(seconds) * 1000 })) {
    console.log(kind, service.type, service.name, service.addresses.join(), service.port, JSON.stringify(service.txt));
  }
}
