import { WebSocketClient, float } from "./oscine/browser.js";
import { SINE, sineDefinition } from "./sine-definition.js";

const NODE = { id: 1000 + Math.floor(Math.random() * 1_000_000), addToHead: 0, rootGroup: 0 };

const bridge = new URL(location.href).searchParams.get("bridge");
const client = new WebSocketClient(`ws://${location.hostname}:${bridge}/`);

const byId = (id) => document.getElementById(id);
const pitch = byId("pitch");
const volume = byId("volume");

/** The frequency of the MIDI note, in hertz. */
const frequency = () => 440 * 2 ** ((Number(pitch.value) - 69) / 12);

/** Creates the synth in scsynth: initially, and after scsynth or the bridge was unreachable. */
async function play() {
  byId("note").textContent = "";
  try {
    await client.request("/d_recv", [sineDefinition()], { replyTo: "/done", timeout: 1000, retries: 2 });
    const controls = ["freq", float(frequency()), "amp", float(Number(volume.value))];
    await client.sendMessage("/s_new", [SINE, NODE.id, NODE.addToHead, NODE.rootGroup, ...controls]);
    byId("state").textContent = "playing";
  } catch {
    byId("note").textContent = "scsynth doesn't respond. Start it with: scsynth -u 57110";
  }
}

function show() {
  byId("pitch-value").textContent = `${frequency().toFixed(1)} Hz`;
  byId("volume-value").textContent = `${Math.round(volume.value * 100)} %`;
}

client.on("state", (state) => {
  byId("state").textContent = state;
  if (state === "connected") void play();
});

pitch.addEventListener("input", () => {
  show();
  void client.sendMessage("/n_set", [NODE.id, "freq", float(frequency())]);
});
volume.addEventListener("input", () => {
  show();
  void client.sendMessage("/n_set", [NODE.id, "amp", float(Number(volume.value))]);
});
// Stop the sound when the page is closed.
addEventListener("pagehide", () => void client.sendMessage("/n_free", [NODE.id]));

show();
void client.connect();
