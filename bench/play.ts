/**
 * How exactly does a recording play back, and does it drift?
 *
 *     npm run bench -- play [--json] [--quick]
 *
 * 1,000 packets per second for a minute, over UDP to a socket of this process. Measures how late each is sent at the original speed, and
 * whether all arrive in order at ten times the speed while another process keeps a core busy.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { UDPClient } from "../src/client/index.ts";
import { OscMessage, decode, encode } from "../src/codec/index.ts";
import { Player, type RecordedPacket } from "../src/recording/index.ts";
import { benchOptions } from "./suite/options.ts";
import { finish, median } from "./suite/report.ts";

const options = benchOptions();
const SECONDS = options.quick ? 3 : 60;
const COUNT = SECONDS * 1000;

const recording: AsyncIterable<RecordedPacket> = {
  async *[Symbol.asyncIterator]() {
    for (let index = 0; index < COUNT; index++) {
      yield { time: index, source: null, destination: null, transport: null, data: encode(new OscMessage("/n", [index])).slice() };
    }
  },
};

const usual = await play(1);
const busy = spawn(process.execPath, ["-e", "for (;;);"]);
const fast = await play(10);
busy.kill();
await once(busy, "exit");

const cells = ({ late, received, isOrdered }: Played): (number | string)[] => {
  const sorted = late.toSorted((a, b) => a - b);
  const [first, last] = [late.slice(0, 1000), late.slice(-1000)].map(median);
  return [
    median(late),
    sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    (last ?? 0) - (first ?? 0),
    `${received} of ${COUNT}`,
    isOrdered ? "yes" : "no",
  ];
};
finish(
  {
    benchmark: "play",
    tables: [
      {
        title: `Playing back ${COUNT.toLocaleString("en")} packets recorded at 1,000 per second`,
        note: "How late packets are sent, in milliseconds. Drift: the median of the last thousand minus that of the first.",
        columns: ["late p50", "late p99", "drift", "received", "in order"],
        rows: [
          { name: "original speed", cells: cells(usual) },
          { name: "ten times the speed, on a busy machine", cells: cells(fast) },
        ],
      },
    ],
    goals: [
      {
        goal: "median lateness under 1 ms, no drift",
        measured: `${median(usual.late).toFixed(2)} ms`,
        met: median(usual.late) < 1 && Math.abs(Number(cells(usual)[2])) < 1,
      },
      {
        goal: "ten times the speed on a busy machine: nothing lost or reordered",
        measured: `${fast.received} of ${COUNT}`,
        met: fast.received === COUNT && fast.isOrdered,
      },
    ],
  },
  options,
);

interface Played {
  readonly late: number[];
  readonly received: number;
  readonly isOrdered: boolean;
}

async function play(speed: number): Promise<Played> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  let received = 0;
  let isOrdered = true;
  const all = new Promise<void>((resolve) => {
    socket.on("message", (bytes) => {
      const [index] = (decode(bytes) as OscMessage).args;
      if (index !== received) isOrdered = false;
      received += 1;
      if (received === COUNT) resolve();
    });
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  await using client = new UDPClient("127.0.0.1", socket.address().port);
  await client.open();
  const late: number[] = [];
  let start: number | null = null;
  const player = new Player(
    recording,
    async (packet, { time }) => {
      const now = performance.now();
      start ??= now;
      late.push(now - start - time / speed);
      await client.sendBytes(packet);
    },
    { speed },
  );
  await player.play();
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 2000))]);
  socket.close();
  return { late, received, isOrdered };
}
