import { WebSocketClient, float } from "./oscine/browser.js";

// Only the newest values matter: on a slow network, old ones aren't worth sending.
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

/** Requests permission where required, and shows why sensors are unavailable. */
async function mayListen() {
  const note = byId("note");
  if (!isSecureContext) {
    note.textContent = "Browsers allow sensors only on HTTPS pages: start the example with a key and a certificate.";
    return false;
  }
  if (globalThis.DeviceMotionEvent === undefined) {
    note.textContent = "This browser has no motion sensors.";
    return false;
  }
  // iOS asks for permission, and only after a tap.
  const answer = (await globalThis.DeviceMotionEvent.requestPermission?.()) ?? "granted";
  if (answer !== "granted") note.textContent = "Access to the sensors was denied.";
  return answer === "granted";
}

/** Sends and displays three numbers. Without the sensor they are missing. */
function send(name, values) {
  if (values.some((value) => typeof value !== "number")) return;
  byId(name).textContent = values.map((value) => value.toFixed(2)).join("  ");
  client.sendMessage(`/phone/${name}`, values.map(float)).catch(() => undefined);
}
