/** The benchmarks that measure the performance floors, in the order of docs/performance.md. */
export const FLOORS: readonly string[] = ["codec", "dispatch", "udp", "kinds", "tcp", "startup"];
/** All benchmarks. */
export const BENCHMARKS: readonly string[] = [...FLOORS, "latency", "nats", "play", "oscquery"];
