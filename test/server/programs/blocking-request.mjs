// Handles packets one by one.
import { BlockingOSCUDPServer, Dispatcher } from "oscine";
import { native } from "./native.mjs";

class Server extends BlockingOSCUDPServer {
  timeouts = 0;

  handleTimeout() {
    this.timeouts += 1;
  }

  verifyRequest(data) {
    return !Buffer.from(data).includes("/forbidden");
  }
}

const dispatcher = new Dispatcher();
dispatcher.map("/*", (address) => console.log("handled", address));
const onError = (error) => console.log("error", error.code, error.reason);
const impatient = new Server(["127.0.0.1", 0], dispatcher, { native, timeout: 50, onError });
const patient = new Server(["127.0.0.1", 0], dispatcher, { native, onError });

const started = performance.now();
impatient.handleRequest();
console.log("ready", patient.serverAddress.port);
console.log(`timed out after ${Math.ceil(performance.now() - started)} ms: ${impatient.timeouts}`);
for (let request = 0; request < 4; request++) console.log("request", patient.handleRequest());
console.log("at once", impatient.handleRequest(), impatient.timeouts);
const stats = patient.stats();
console.log(`stats ${stats.handled} handled ${stats.rejected.unverified} unverified`);
patient[Symbol.dispose]();
impatient.close();
try {
  patient.handleRequest();
} catch (error) {
  console.log("disposed", error.code);
}
