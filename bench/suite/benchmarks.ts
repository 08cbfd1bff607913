/** The benchmarks, in the order in which docs/performance.md shows them. */
export const BENCHMARKS: readonly string[] = ["codec", "dispatch", "udp", "kinds", "latency", "tcp", "nats", "play", "startup"];
