/** Query parameters without secrets: ours and those of NATS. */
const HARMLESS: ReadonlySet<string> = new Set(["framing", "listen", "subject", "queue", "baud"]);

/** A shorter word isn't masked on its own, because it may occur in any text. */
const SHORTEST_SECRET = 6;

/**
 * A URL that is safe to display and log: without the user and password, whatever characters they contain, and with `***` instead of the
 * values of query parameters such as `?token=`. Every URL that a user typed passes through here before it is shown.
 */
export function maskSecrets(url: string): string {
  const masked = maskParameters(withoutUser(url));
  return /^(?:http|ws)s?:/i.test(masked) ? masked.replace(/#.+$/s, "#***") : masked;
}

/**
 * Removes the user and password from a URL. A password may itself contain `@`, `/` or `?`, so everything up to the last `@` is removed. A
 * path such as `osc.unix:///tmp/a@b` has no user.
 */
export function withoutUser(url: string): string {
  const end = url.lastIndexOf("@");
  const scheme = url.indexOf("://");
  const start = scheme === -1 || scheme > end ? 0 : scheme + "://".length;
  const hasUser = end !== -1 && url[start] !== "/" && (start > 0 || url.lastIndexOf(":", end) !== -1);
  return hasUser ? url.slice(0, start) + url.slice(end + 1) : url;
}

/** Masks parameters after a `?`, and after a `;` as in `ws://host/path;token=`. */
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
 * Masks the secrets in a user's input wherever they reappear, such as in a system error that quotes a word. Secrets are a URL's
 * credentials, the values of its query, and text after `#` or `token=`.
 *
 * @param words the user's input
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

/** A text verbatim, as in JSON, and as in a URL. */
function formsOf(text: string): string[] {
  return [text, JSON.stringify(text).slice(1, -1), encodeURI(text), encodeURIComponent(text)];
}
