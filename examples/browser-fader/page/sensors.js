import { WebSocketClient, float } from "./oscine/browser.js";

// The newest counts: what a slow network holds back is not worth sending later.
const client = new WebSocketClient(new URL("osc", location.href), { maxUnsent: 10 });
const byId = (id) => document.getElementById(id);

client.on("state", (state) => {
  byId("state").textContent = state;
});
void client.connect();

byId("start").addEventListener("click", () => void start());

async function start() {
  if (!(await mayListen())) return;
  addEventListener("devicemotion", ({ accelerationIncludingGravity: acceleration, rotationRate: rotation }) => {
    if (acceleration !== null) send("accel", [acceleration.x, acceleration.y, acceleration.z]);
    if (rotation !== null) send("rotation", [rotation.alpha, rotation.beta, rotation.gamma]);
  });
  addEventListener("deviceorientation", ({ alpha, beta, gamma }) => send("orientation", [alpha, beta, gamma]));
  byId("start").disabled = true;
}

/** Asks where one has to ask, and says why it cannot be. */
async function mayListen() {
  const note = byId("note");
  if (!isSecureContext) {
    note.textContent = "The sensors are only given to pages that come by HTTPS: start the example with a key and a certificate.";
    return false;
  }
  if (globalThis.DeviceMotionEvent === undefined) {
    note.textContent = "This browser has no motion sensors.";
    return false;
  }
  // iOS asks the user, and only after a tap.
  const answer = (await globalThis.DeviceMotionEvent.requestPermission?.()) ?? "granted";
  if (answer !== "granted") note.textContent = "The sensors were not allowed.";
  return answer === "granted";
}

/** Sends three numbers, and shows them. A sensor that the device lacks has no numbers. */
function send(name, values) {
  if (values.some((value) => typeof value !== "number")) return;
  byId(name).textContent = values.map((value) => value.toFixed(2)).join("  ");
  client.sendMessage(`/phone/${name}`, values.map(float)).catch(() => undefined);
}
