import type { NatsDeliveryOptions } from "../nats/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { withoutSecrets } from "../url/nats-url.ts";
import type { Session } from "./command.ts";
import { type ServerMaker, makeFrontEnd } from "./server-kinds.ts";
import { asUsage } from "./url.ts";

/** What was asked for besides, which a front end has not. */
interface NotHere {
  readonly module: string | undefined;
  readonly kind: string;
}

/**
 * A maker of servers whose packets are handled by the workers of NATS, and what it does, in words.
 *
 * @throws UsageError for what belongs to workers, and for an option that cannot be
 */
export async function frontEnd(
  options: NatsDeliveryOptions & { readonly servers: readonly string[] },
  { module, kind }: NotHere,
  session: Session,
): Promise<{ makeServer: ServerMaker; what: string }> {
  const servers = options.servers.map(withoutSecrets).join(",");
  const { program, err } = session;
  if (module !== undefined) {
    throw new UsageError(
      `With --nats handlers run elsewhere: leave ${module} out here, and run: ${program} work ${module} --nats ${servers}`,
    );
  }
  if (kind !== "async") throw new UsageError(`--kind ${kind} is for "oscine work": a front end has no handlers.`);
  // Who does not ask for NATS need not have its packages.
  const { NatsExecutor } = await import("../nats/index.ts");
  let wasThere = false;
  const onConnection = (server: string | null): void => {
    if (server !== null && wasThere) err.line(err.styled("green", `NATS is there again: ${server}`));
    wasThere = true;
  };
  const executor = asUsage(() => NatsExecutor.for({ ...options, onConnection }));
  const { prefix = "osc", delivery = "at-most-once" } = options;
  return { makeServer: makeFrontEnd(executor), what: `packets go to the workers of NATS at ${servers} (${prefix}.>, ${delivery})` };
}
