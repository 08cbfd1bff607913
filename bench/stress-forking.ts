/**
 * Does every packet get a result, whatever its handler does and whichever process is killed? Sends random packets to a forking server: most
 * are answered, some crash, exit, hang or exhaust the memory of their process. Kills random processes, including the fork server.
 *
 *     node --import tsx bench/stress-forking.ts [packets] [fork | spawn] [kills]
 *
 * Default: 10,000 packets, forked, 100 kills. With spawn, a process handles 100 packets. Prints a summary, and exits with code 1 if a
 * packet is neither answered nor reported, or both, if a process or zombie remains, or if the server's memory or file descriptors grow.
 */
import { ForkingStress } from "../test/server/forking-stress.ts";

const [packets = "10000", strategy = "fork", kills = "100"] = process.argv.slice(2);
const options = strategy === "fork" ? { strategy, maxChildren: 8, childTimeout: 3000 } : { strategy, requestsPerChild: 100 };
const stress = await ForkingStress.start(options);
const began = performance.now();
const account = await stress.run(Number(packets), Date.now() % 2 ** 31, Number(kills));
const seconds = (performance.now() - began) / 1000;
console.log(`${packets} packets in ${seconds.toFixed(1)} s, ${(Number(packets) / seconds).toFixed(0)} per second`);
console.log(account);
process.exitCode = account.faults.length === 0 ? 0 : 1;
