import { createRequire } from "node:module";
import { constants } from "node:os";

export const { EAGAIN, EINTR } = constants.errno;

/** An address in memory. */
type Pointer = bigint;

/** The system calls of native sockets. A pointer is an address, or an array whose bytes the call reads or writes. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, size: number): number;
  getsockname(fd: number, address: Uint8Array, size: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, size: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, size: Uint8Array): number;
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number, timeout: null): number;
  sendmmsg(fd: number, messages: Pointer, count: number, flags: number): number;
  sendto(fd: number, data: Uint8Array, size: number, flags: number, address: Uint8Array, addressSize: number): number;
  ppoll(descriptors: Uint8Array, count: number, timeout: Uint8Array, signals: null): number;
  close(fd: number): number;
  inet_pton(family: number, text: string, address: Uint8Array): number;
  inet_ntop(family: number, address: Uint8Array, text: Uint8Array, size: number): Pointer | null;
  if_nametoindex(name: string): number;
  if_indextoname(index: number, name: Uint8Array): Pointer | null;
  getaddrinfo(node: string, service: null, hints: Uint8Array, results: Uint8Array): number;
  freeaddrinfo(results: Pointer): void;
  /** The address of an array's bytes. Valid for arrays over an `ArrayBuffer` of their own, for as long as that lives. */
  addressOf(bytes: Uint8Array): Pointer;
  /** The bytes at an address. */
  bytesAt(pointer: Pointer, size: number): Uint8Array;
  /** The number of the last call's error. */
  errno(): number;
}

const SIGNATURES = [
  "int socket(int family, int type, int protocol)",
  "int bind(int fd, const void *address, uint size)",
  "int getsockname(int fd, void *address, void *size)",
  "int setsockopt(int fd, int level, int name, const void *value, uint size)",
  "int getsockopt(int fd, int level, int name, void *value, void *size)",
  "int recvmmsg(int fd, void *messages, uint count, int flags, void *timeout)",
  "int sendmmsg(int fd, void *messages, uint count, int flags)",
  "intptr sendto(int fd, const void *data, size_t size, int flags, const void *address, uint addressSize)",
  "int ppoll(void *descriptors, ulong count, const void *timeout, const void *signals)",
  "int close(int fd)",
  "int inet_pton(int family, const char *text, void *address)",
  "void *inet_ntop(int family, const void *address, void *text, uint size)",
  "uint if_nametoindex(const char *name)",
  "void *if_indextoname(uint index, void *name)",
  "int getaddrinfo(const char *node, const char *service, const void *hints, void *results)",
  "void freeaddrinfo(void *results)",
] as const;

/** The part of the optional dependency that is used. */
interface Koffi {
  load(path: null): { func(signature: string): (...parameters: never[]) => unknown };
  address(bytes: Uint8Array): Pointer;
  view(pointer: Pointer, size: number): ArrayBuffer;
  readonly errno: () => number;
}

let codes: ReadonlyMap<number, string> | undefined;
let koffi: Koffi | undefined;
let libc: Libc | undefined;

/**
 * Loads `koffi`, which calls C functions. It is an optional dependency, so it is loaded only when it is first needed.
 *
 * @throws Error if it isn't installed or can't be loaded, or if the system's structures aren't those written here
 */
export function loadKoffi(): Koffi {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    throw new Error(`native sockets need Linux on x64 or arm64, and this is ${process.platform} on ${process.arch}`);
  }
  return (koffi ??= createRequire(import.meta.url)("koffi") as Koffi);
}

/** @throws Error as {@link loadKoffi}, or if a function is missing */
export function loadLibc(): Libc {
  return (libc ??= bindFunctions(loadKoffi()));
}

/** The C functions with those signatures. */
export function functionsOf(ffi: Koffi, signatures: readonly string[]): object {
  const library = ffi.load(null);
  return Object.fromEntries(
    signatures.map((signature) => [signature.slice(0, signature.indexOf("(")).replace(/^.*[ *]/, ""), library.func(signature)]),
  );
}

function bindFunctions(ffi: Koffi): Libc {
  return {
    ...(functionsOf(ffi, SIGNATURES) as Omit<Libc, "addressOf" | "bytesAt" | "errno">),
    addressOf: (bytes) => ffi.address(bytes),
    bytesAt: (pointer, size) => new Uint8Array(ffi.view(pointer, size)),
    errno: ffi.errno,
  };
}

/** The system's name for an error number. */
export function errorName(number: number): string {
  return (codes ??= errorNames()).get(number) ?? `E${number}`;
}

/** If two names have the same number, as EAGAIN and EWOULDBLOCK do, the first counts. */
function errorNames(): ReadonlyMap<number, string> {
  const names = Object.entries(constants.errno);
  return new Map(names.map(([name, number]) => [number, name] as const).toReversed());
}

/** @throws an error of the system, with its `code`, if the call returned that it failed */
export function checkCall(libc: Libc, result: number): number {
  if (result >= 0) return result;
  throw callError(libc.errno());
}

/** The system's error of that number, with its name as `code`. */
export function callError(errno: number): NodeJS.ErrnoException {
  const code = errorName(errno);
  return Object.assign(new Error(code), { code });
}
