/** Query parameters that hold no secrets: ours and those of NATS. */
const HARMLESS: ReadonlySet<string> = new Set(["framing", "listen", "subject", "queue", "baud"]);

/**
 * A URL as people and logs may see it: without the user and password before its host, whatever characters they contain, and with `***` in place of
 * the values of query parameters such as `?token=`. Every URL that someone typed goes through here before it is shown.
 */
export function maskSecrets(url: string): string {
  return maskQuery(withoutUser(url));
}

/**
 * A URL without the user and password before its host. A password may itself contain `@`, `/` or `?`, so everything up to the last `@` goes. A path such
 * as `osc.unix:///tmp/a@b` has no user.
 */
export function withoutUser(url: string): string {
  const end = url.lastIndexOf("@");
  const scheme = url.indexOf("://");
  const start = scheme === -1 || scheme > end ? 0 : scheme + "://".length;
  const hasUser = end !== -1 && url[start] !== "/" && (start > 0 || url.lastIndexOf(":", end) !== -1);
  return hasUser ? url.slice(0, start) + url.slice(end + 1) : url;
}

function maskQuery(url: string): string {
  const start = url.indexOf("?");
  if (start === -1) return url;
  const parts = url.slice(start + 1).split("&");
  const masked = parts.map((part) => {
    const equals = part.indexOf("=");
    return equals === -1 || equals === part.length - 1 || HARMLESS.has(part.slice(0, equals)) ? part : `${part.slice(0, equals)}=***`;
  });
  return `${url.slice(0, start)}?${masked.join("&")}`;
}
