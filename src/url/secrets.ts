/** Query parameters that hold no secrets: ours and those of NATS. */
const HARMLESS: ReadonlySet<string> = new Set(["framing", "listen", "subject", "queue", "baud"]);

/** A word shorter than this isn't taken for a secret on its own, because it may stand in any text. */
const SHORTEST_SECRET = 6;

/**
 * A URL as people and logs may see it: without the user and password before its host, whatever characters they contain, and with `***` in place of
 * the values of query parameters such as `?token=`. Every URL that someone typed goes through here before it is shown.
 */
export function maskSecrets(url: string): string {
  const masked = maskParameters(withoutUser(url));
  return /^(?:http|ws)s?:/i.test(masked) ? masked.replace(/#.+$/s, "#***") : masked;
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

/** Masks what follows a `?`, and a `;` as in `ws://host/path;token=`. */
function maskParameters(url: string): string {
  const start = url.search(/[?;]/);
  if (start === -1) return url;
  const parts = url.slice(start).split(/([?&;])/);
  const masked = parts.map((part) => {
    const equals = part.indexOf("=");
    if (HARMLESS.has(equals === -1 ? part : part.slice(0, equals)) || equals === part.length - 1) return part;
    if (equals === -1) return part.length < SHORTEST_SECRET ? part : "***";
    return `${part.slice(0, equals)}=***`;
  });
  return url.slice(0, start) + masked.join("");
}

/**
 * Masks the secrets that someone typed wherever they turn up again, such as in a message of the system that quotes a word: what stands before the host
 * of a URL, the values of its query, and what follows `#` or `token=`.
 *
 * @param words what was typed
 */
export function secretMask(words: readonly string[]): (text: string) => string {
  const secrets = new Set<string>();
  const add = (secret: string): void => {
    if (secret.length >= SHORTEST_SECRET && !HARMLESS.has(secret)) for (const form of formsOf(secret)) secrets.add(form);
  };
  for (const word of words) {
    const end = word.lastIndexOf("@");
    const start = word.indexOf("://") + 1;
    const user = end === -1 ? "" : word.slice(start === 0 ? 0 : start + 2, end);
    if (start > 0 || user.includes(":")) {
      for (const form of formsOf(user)) if (form !== "") secrets.add(`${form}@`);
      for (const part of [user, user.slice(user.indexOf(":") + 1), ...user.split(/[@,]/)]) add(part);
    }
    if (start === 0) continue;
    const [, query = ""] = /\?([^#]*)/.exec(word) ?? [];
    for (const part of query.split("&")) {
      const equals = part.indexOf("=");
      if (!HARMLESS.has(part.slice(0, equals))) add(part.slice(equals + 1));
    }
    for (const [, secret = ""] of word.matchAll(/(?:#|(?:auth|key|password|pw|secret|token)=)([^#&;]+)/gi)) add(secret);
  }
  const longestFirst = [...secrets].toSorted((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((masked, secret) => masked.replaceAll(secret, secret.endsWith("@") ? "***@" : "***"), text);
}

/** A text as it is, as it stands in JSON, and as in a URL. */
function formsOf(text: string): string[] {
  return [text, JSON.stringify(text).slice(1, -1), encodeURI(text), encodeURIComponent(text)];
}
