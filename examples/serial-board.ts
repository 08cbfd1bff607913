/** Prints a board's sensor values from a serial port and lights its LED; survives unplugging. Needs `npm install serialport`. */
import { StreamClient } from "oscine";

const port = process.argv[2] ?? "/dev/ttyACM0";

await using board = new StreamClient(`osc.serial://${port}?baud=115200`);
board.on("state", (state) => console.log(state));

// The return value is sent to the board.
board.dispatcher.map("/sensor/*", (address: string, value: number) => {
  console.log(`${address}: ${value}`);
  return ["/led", value > 0.5];
});

process.once("SIGINT", () => void board.close());
await board.handleMessages({ timeout: Infinity });
