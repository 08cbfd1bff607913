/**
 * Does every packet come to an end, whatever its handler does and whatever is killed? Sends packets at random to a forking server: most are
 * answered, some crash, end, hang or fill the memory of their process; and kills processes at random, the fork server among them.
 *
 *     node --import tsx bench/stress-forking.ts [packets] [fork | spawn] [kills]
 *
 * Default: 10,000 packets, forked, 100 kills. With spawn, a process handles 100 packets. Prints the account, and ends with code 1 if a packet
 * is neither answered nor reported, is both, if a process or a zombie is left, or if the server's memory or file descriptors grow.
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
