// Makes an advertised server of a class, and serves until a message /stop: advertised-kinds.mjs CLASS METHOD [HOST PORT]
const oscine = await import("../../../dist/index.js");

const [, , name, method, host = "127.0.0.1", port = "0"] = process.argv;
const dispatcher = new oscine.Dispatcher();
dispatcher.map("/stop", ({ shutdown }) => shutdown(), { needsContext: true });
try {
  const server = new oscine[name]([host, Number(port)], dispatcher, { advertise: { name: "Server of ours" } });
  console.log(`serving ${server.serverAddress.port}`);
  await server[method]();
  if (method === "start") {
    // The handler's shutdown() closes it.
    process.once("exit", () => console.log("closed"));
  } else {
    server.close();
    console.log("closed");
  }
} catch (error) {
  console.log(error.code, error.message);
  const again = new oscine.BlockingOSCUDPServer([host, Number(port)], dispatcher);
  again.close();
  console.log("free");
}
