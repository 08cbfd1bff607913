import { Duplex } from "node:stream";
import { OscServerError, OscSocketError } from "../errors.ts";

/** A port of the package `serialport`, as far as it is used. */
interface SerialPort extends Duplex {
  readonly isOpen: boolean;
  open(done: (error: Error | null) => void): void;
  close(done: (error: Error | null) => void): void;
  drain(done: (error: Error | null) => void): void;
}

interface SerialPackage {
  readonly SerialPort: new (options: { readonly path: string; readonly baudRate: number; readonly autoOpen: false }) => SerialPort;
}

/** The speed of most boards, in bits per second. */
export const DEFAULT_BAUD_RATE = 115_200;

/** Not written where it is imported: programs are compiled and bundled without the package. */
const PACKAGE = "serialport";

/**
 * Opens a serial port. It is over when the device is unplugged.
 *
 * @throws (rejects) OscServerError `OSC_SERIAL_PACKAGE` if the package isn't installed; OscSocketError if the port can't be opened
 */
export async function openSerialPort(path: string, baudRate: number, load: () => Promise<unknown> = loadPackage): Promise<Duplex> {
  const { SerialPort } = (await load()) as SerialPackage;
  const port = new SerialPort({ path, baudRate, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error === null || error === undefined ? resolve() : reject(openError(path, error))));
  });
  return new SerialStream(port);
}

async function loadPackage(): Promise<unknown> {
  try {
    return await import(PACKAGE);
  } catch (cause) {
    throw new OscServerError("OSC_SERIAL_PACKAGE", "Serial ports need the package serialport: npm install serialport@13", { cause });
  }
}

/** The package tells the system's error in words. */
function openError(path: string, cause: Error): OscSocketError {
  const known: readonly (readonly [RegExp, code: string, cure: string])[] = [
    [/No such file/i, "ENOENT", "there is no such port: check the name, and that the device is plugged in"],
    [/Permission denied/i, "EACCES", "permission denied: on Linux, add your user to the group dialout"],
    [/busy|lock|Access denied/i, "EBUSY", "another program uses it: close it there, such as the serial monitor of the Arduino IDE"],
  ];
  const [, code, cure] = known.find(([words]) => words.test(cause.message)) ?? [null, "EIO", cause.message];
  return new OscSocketError(code, `Cannot open ${path}: ${cure} (${code}).`, path, { cause });
}

/** The package's own stream doesn't free its port when it is destroyed, and isn't destroyed when the device is unplugged. */
class SerialStream extends Duplex {
  readonly #port: SerialPort;

  constructor(port: SerialPort) {
    super();
    this.#port = port;
    port.on("data", (bytes: Uint8Array) => {
      if (!this.push(bytes)) port.pause();
    });
    port.on("end", () => this.destroy());
    port.on("error", (error) => this.destroy(error));
    port.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#port.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#port.write(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#port.drain(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#port.isOpen) this.#port.close(() => done(error));
    else done(error);
  }
}
