/** The peer: QEMU's translator on the same guest, plain, and counting instructions as we do. */
import { execFileSync, spawn } from "node:child_process";

/** How QEMU is run: as it is, or with its own exact instruction counter. */
export type QemuMode = "plain" | "icount";

export const QEMU_MODES: readonly QemuMode[] = ["plain", "icount"];

const PROGRAM = "qemu-system-riscv64";
/** What `icount` adds to the command. */
export const ICOUNT: readonly string[] = ["-icount", "shift=0,sleep=off"];
/** A QEMU that takes longer hangs. */
const LIMIT_MS = 300_000;

export function qemuVersion(): string {
  const [line = ""] = execFileSync(PROGRAM, ["--version"], { encoding: "utf8" }).split("\n");
  return line;
}

/** As one would type it. */
export function qemuCommand(words: readonly string[]): string {
  return [PROGRAM, ...words].map((word) => (word.includes(" ") ? `"${word}"` : word)).join(" ");
}

/**
 * Runs QEMU, from its start to its end.
 *
 * @param until it is killed when it has printed this; otherwise it must end by itself
 * @returns seconds of wall time, and what its serial port printed
 * @throws where it fails, ends before `until`, or hangs
 */
export async function runQemu(words: readonly string[], mode: QemuMode, until?: string): Promise<{ seconds: number; output: string }> {
  const start = performance.now();
  const child = spawn(PROGRAM, [...words, ...(mode === "icount" ? ICOUNT : [])], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let complaint = "";
  let reachedAt: number | null = null;
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    child.kill("SIGKILL");
  }, LIMIT_MS);
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    output += text;
    if (until === undefined || reachedAt !== null || !output.includes(until)) return;
    reachedAt = performance.now();
    child.kill("SIGKILL");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => clearTimeout(timer));
  const end = reachedAt ?? performance.now();
  const ended = until === undefined ? status === 0 : reachedAt !== null;
  if (!ended) {
    const how = hangs ? `printed nothing more within ${LIMIT_MS / 1000} s` : `ended with status ${status}`;
    throw new Error(`Cannot compare with QEMU: ${qemuCommand(words)} (${mode}) ${how}: ${complaint.trim() || output.slice(-500)}`);
  }
  return { seconds: (end - start) / 1000, output };
}
