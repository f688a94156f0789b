/** The guests by name; the machine is the one that `npm run build` made. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { machineModule } from "../support/machine-module.ts";
import type { GuestKind } from "./guest.ts";
import { machineGuests } from "./machine-guest.ts";
import { MODEL_GUESTS } from "./model-guest.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/replicated/guest.bin", import.meta.url));

let machines: GuestKind | null = null;

export function guestsOf(name: GuestKind["name"]): GuestKind {
  if (name === "model") return MODEL_GUESTS;
  machines ??= machineGuests(machineModule(), readFileSync(PROGRAM));
  return machines;
}
