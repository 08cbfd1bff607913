/**
 * Does every packet come to an end, whatever its handler does? Sends packets at random to a forking server: most are answered, some crash,
 * end, hang or fill the memory of their process.
 *
 *     node --import tsx bench/stress-forking.ts [packets] [requestsPerChild] [strategy]
 *
 * Default: 10,000 packets, 100 to a process, strategy spawn; fork has one to a process. Prints the account, and ends with code 1 if a packet is neither answered nor reported, is both,
 * or if a process is left.
 */
import { ForkingStress } from "../test/server/forking-stress.ts";

const [packets = "10000", requestsPerChild = "100", strategy = "spawn"] = process.argv.slice(2);
const ways =
  strategy === "fork" ? { strategy, maxChildren: 8, childTimeout: 3000 } : { strategy, requestsPerChild: Number(requestsPerChild) };
const stress = await ForkingStress.start(ways);
const began = performance.now();
const account = await stress.run(Number(packets), Date.now() % 2 ** 31);
const seconds = (performance.now() - began) / 1000;
console.log(`${packets} packets in ${seconds.toFixed(1)} s, ${(Number(packets) / seconds).toFixed(0)} a second`);
console.log(account);
process.exitCode = account.faults.length === 0 ? 0 : 1;
