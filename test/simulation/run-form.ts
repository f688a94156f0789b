/**
 * A run as it is written: first thing of what it prints, in `seeds.txt`, and as the command that shows it again.
 *
 *     seed=12 faults=all steps=3000 guest=model
 *     seed=12 faults=3,17 steps=240 guest=model vms=1
 */
export interface RunForm {
  readonly seed: number;
  /** Steps of replicas with faults. */
  readonly steps: number;
  readonly guest: "model" | "machine";
  /** Indices of the plan's faults that strike; null: all. */
  readonly faults: readonly number[] | null;
  /** At most so many VMs; null: as many as the seed has. */
  readonly vms: number | null;
}

export function writeRun({ seed, steps, guest, faults, vms }: RunForm): string {
  const few = vms === null ? "" : ` vms=${vms}`;
  return `seed=${seed} faults=${faults === null ? "all" : faults.join() || "none"} steps=${steps} guest=${guest}${few}`;
}

export function runCommand(form: RunForm): string {
  const options = writeRun(form)
    .split(" ")
    .map((part) => `--${part.replace("=", " ")}`);
  return `npm run simulate -- ${options.join(" ")}`;
}

/** @throws {SyntaxError} */
export function readRun(line: string): RunForm {
  const fields = new Map(
    line
      .trim()
      .split(/\s+/)
      .map((part) => part.split("=", 2) as [string, string]),
  );
  const guest = fields.get("guest") ?? "model";
  if (guest !== "model" && guest !== "machine") throw new SyntaxError(`guest is "model" or "machine", not "${guest}"`);
  const vms = fields.get("vms");
  return {
    seed: readNumber("seed", fields.get("seed")),
    steps: readNumber("steps", fields.get("steps")),
    guest,
    faults: readFaults(fields.get("faults") ?? "all"),
    vms: vms === undefined ? null : readNumber("vms", vms),
  };
}

export function readFaults(text: string): readonly number[] | null {
  if (text === "all") return null;
  if (text === "none") return [];
  return text.split(",").map((index) => readNumber("faults", index, 0));
}

export function readNumber(name: string, text: string | undefined, least = 1): number {
  const value = Number(text);
  if (text === undefined || !Number.isSafeInteger(value) || value < least)
    throw new SyntaxError(`${name} is a whole number from ${least} on, not "${text}"`);
  return value;
}
