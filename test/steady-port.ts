import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** The system gives ports from 32,768 on (Linux) or later (others) to whoever asks for any port, and to the near side of every connection. */
const [FIRST, END] = [20_000, 32_000];
/** How many there are for one process of tests before it begins again. */
const BLOCK = 100;
/** Processes that run at the same time have numbers that are close to each other. */
const start = FIRST + ((process.pid * BLOCK) % (END - FIRST));
// Somewhere in it: what this file knows is forgotten with each file of tests.
let next = Math.floor(Math.random() * BLOCK);

/**
 * A port of 127.0.0.1 that nobody has, of UDP or TCP, and that nobody is given by chance: for programs that must be told one, for a server that goes
 * and comes back, and for what must find nobody there. A port that the system gave and took back may be somebody else's a moment later.
 */
export async function steadyPort(): Promise<number> {
  for (let tries = 0; tries < BLOCK; tries++) {
    const port = start + (next++ % BLOCK);
    if ((await isFreeOfUdp(port)) && (await isFreeOfTcp(port))) return port;
  }
  throw new Error(`Every port from ${start} to ${start + BLOCK - 1} is in use.`);
}

async function isFreeOfUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const isFree = once(socket, "listening").then(
    () => true,
    () => false,
  );
  socket.bind(port, "127.0.0.1");
  const answer = await isFree;
  socket.close();
  await once(socket, "close");
  return answer;
}

async function isFreeOfTcp(port: number): Promise<boolean> {
  const server = createServer();
  const isFree = once(server, "listening").then(
    () => true,
    () => false,
  );
  server.listen(port, "127.0.0.1");
  if (!(await isFree)) return false;
  server.close();
  await once(server, "close");
  return true;
}
