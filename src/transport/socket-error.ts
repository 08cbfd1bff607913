import { OscServerError, OscSocketError } from "../errors.ts";

/** What a user can do about an error of the system, by its code. */
const CURES: Readonly<Record<string, string>> = {
  EACCES:
    "the system does not allow it: ports below 1024 need special rights, a broadcast address needs the option broadcast: true, and the folder of a socket file must be there",
  EADDRINUSE: "another program has that port: end it, choose another port, or let the system choose with port 0",
  EADDRNOTAVAIL:
    "no network interface of this machine has that address: use 127.0.0.1 for this machine only, 0.0.0.0 for all IPv4 interfaces",
  EAFNOSUPPORT: "this machine does not offer that address family: use an IPv4 address",
  EAGAIN: "the system has no room for it now: send more slowly, or raise sendBufferSize",
  EAI_AGAIN: "the name could not be looked up just now: check the network, or use an IP address",
  ECONNREFUSED: "nothing listens there: start the receiver, or check the port",
  ECONNRESET: "the other side broke the connection off",
  EHOSTUNREACH: "no way leads to that machine: check the address and the network",
  EINVAL: "the system refuses this address or option",
  EMFILE: "this process has no file descriptors left: raise the limit (ulimit -n) or close what is not needed",
  EMSGSIZE: "the packet is larger than the network takes in one datagram: send less at once, or use TCP",
  ENETDOWN: "the network is down",
  ENETUNREACH: "no way leads to that network: check the address and the network",
  ENOBUFS: "the system has no buffer left: send more slowly, or raise sendBufferSize",
  ENOENT: "there is no such path",
  ENOTFOUND: "no such name: check the spelling, or use an IP address",
  EPERM: "the system, perhaps a firewall, does not allow it",
  EPIPE: "the other side has closed the connection",
  ETIMEDOUT: "the other side did not answer in time",
};

/**
 * The system's error with what was tried and what to do about it.
 *
 * @param action what was tried, as in "listen on" or "send to"
 * @param address where, as `host:port` or a path
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
