/** Two processes of a cluster with a server each, on one port that they share. */
import cluster from "node:cluster";
import { AsyncOSCUDPServer, Dispatcher } from "oscine";

if (cluster.isPrimary) {
  const ports = await Promise.all(
    [1, 2].map(
      () =>
        new Promise((resolve) => {
          cluster.fork().on("message", resolve);
        }),
    ),
  );
  console.log(JSON.stringify(ports));
  cluster.disconnect();
} else {
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], new Dispatcher());
  const [transport] = await server.createServeEndpoint();
  process.send({ port: server.serverAddress.port, backend: server.stats().backend });
  process.once("disconnect", () => void transport.close());
}
