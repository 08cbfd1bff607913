import type { ServerStats } from "../server/index.ts";

/** What a server has done, as one line. */
export function describeTotals(stats: ServerStats): string {
  const { received, handled, rejected, dropped, kernelDropped, handlerErrors, redelivered, deadLettered } = stats;
  const reasons = Object.entries(rejected).filter(([, count]) => count > 0);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  const why = reasons.length === 0 ? "" : ` (${reasons.map(([reason, count]) => `${reason} ${count}`).join(", ")})`;
  const others = {
    "dropped by the system": kernelDropped ?? 0,
    "handler errors": handlerErrors,
    redelivered,
    "dead letters": deadLettered,
  };
  const shown = Object.entries(others).filter(([, count]) => count > 0);
  return [
    `received ${received}, handled ${handled}, rejected ${total}${why}, dropped ${dropped}`,
    ...shown.map((one) => one.join(" ")),
  ].join(", ");
}
