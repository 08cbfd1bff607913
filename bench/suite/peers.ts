import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

let told = false;

/** Whether the npm peers are installed; if not, prints how to install them, once. */
export function hasNpmPeers(): boolean {
  const installed = existsSync(fileURLToPath(new URL("../node_modules/node-osc", import.meta.url)));
  if (!installed && !told) console.error("The npm packages are SKIPPED: npm install --prefix bench");
  told = true;
  return installed;
}

/** Whether python-osc can be imported. */
export function hasPythonOsc(): boolean {
  const found = spawnSync("python3", ["-c", "import pythonosc"]).status === 0;
  if (!found) console.error("python-osc is SKIPPED: set PYTHONPATH to a checkout of it.");
  return found;
}
