import { OscServerError, OscSocketError } from "../errors.ts";

/** What users can do about a system error, by its code. */
const CURES: Readonly<Record<string, string>> = {
  EACCES:
    "permission denied: ports below 1024 need special rights, a broadcast address needs the option broadcast: true, and the folder of a socket file must exist",
  EADDRINUSE: "another program uses that port: stop it, choose another port, or let the system choose with port 0",
  EADDRNOTAVAIL:
    "no network interface of this machine has that address: use 127.0.0.1 for this machine only, 0.0.0.0 for all IPv4 interfaces",
  EAFNOSUPPORT: "this machine doesn't support that address family: use an IPv4 address",
  EAGAIN: "the system has no room for it: send more slowly, or raise sendBufferSize",
  EAI_AGAIN: "the name server didn't answer: check the network, or use an IP address",
  ECONNREFUSED: "nothing listens there: start the receiver, or check the port",
  ECONNRESET: "the other side reset the connection",
  EHOSTUNREACH: "there is no route to that machine: check the address and the network",
  EINVAL: "the system rejects this address or option",
  EMFILE: "this process has no file descriptors left: raise the limit (ulimit -n) or close what isn't needed",
  EMSGSIZE: "the packet is too large for one datagram: send less at once, or use TCP",
  ENETDOWN: "the network is down",
  ENETUNREACH: "there is no route to that network: check the address and the network",
  ENOBUFS: "the system has no buffers left: send more slowly, or raise sendBufferSize",
  ENOENT: "no such file or directory",
  ENOTCONN: "no client with that address is connected",
  ENOTFOUND: "unknown host name: check the spelling, or use an IP address",
  EPERM: "the system doesn't allow it, perhaps because of a firewall",
  EPIPE: "the other side has closed the connection",
  ETIMEDOUT: "the other side did not answer in time",
};

/**
 * A system error, with what was attempted and what to do about it.
 *
 * @param action what was attempted, such as "listen on" or "send to"
 * @param address `host:port` or a path
 */
export function socketError(error: unknown, action: string, address: string): OscSocketError {
  if (error instanceof OscSocketError) return error;
  const { code = "EUNKNOWN", message } = error as NodeJS.ErrnoException;
  const cure = CURES[code] ?? message;
  return new OscSocketError(code, `Cannot ${action} ${address}: ${cure} (${code}).`, address, { cause: error });
}

/** What `open` rejects with if `close` is called before it is done. */
export function closedWhileOpening(): OscServerError {
  return new OscServerError("OSC_CLOSED", "The server was closed before it was listening.");
}
