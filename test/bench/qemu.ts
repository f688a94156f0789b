/** The peer: QEMU's translator on the same guest, plain, and counting instructions as we do. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";

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

/** QEMU's machine with a kernel that it boots by its own firmware, and the serial port on stdin and stdout. */
export function linuxWords(kernel: string, initramfs: string, memoryMiB: number, cmdline: string): readonly string[] {
  return ["-machine", "virt", "-m", `${memoryMiB}`, "-nographic", "-kernel", kernel, "-initrd", initramfs, "-append", cmdline];
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

/** A guest on QEMU that is typed at. */
export class QemuGuest {
  /** Everything the guest has written to its console. */
  transcript = "";
  private readonly child: ChildProcessWithoutNullStreams;
  private stopped = false;
  private complaint = "";
  private ended = false;
  private onChange = () => {};

  constructor(
    words: readonly string[],
    private readonly mode: QemuMode,
  ) {
    this.child = spawn(PROGRAM, [...words, ...(mode === "icount" ? ICOUNT : [])]);
    this.child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.transcript += text;
      this.onChange();
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.complaint += text;
    });
    this.child.once("error", (error) => {
      this.complaint += error.message;
    });
    this.child.once("close", () => {
      this.ended = true;
      this.onChange();
    });
  }

  type(text: string): void {
    this.child.stdin.write(text, "latin1");
  }

  /** Runs the guest until the transcript has `text` behind position `from`. @throws where it ends, or hangs */
  async printed(text: string, from = 0): Promise<void> {
    if (this.stopped) this.child.kill("SIGCONT");
    this.stopped = false;
    await new Promise<void>((resolve, reject) => {
      const fail = () =>
        reject(new Error(`QEMU (${this.mode}) did not print ${JSON.stringify(text)}: ${this.complaint || this.transcript.slice(-2000)}`));
      const timer = setTimeout(fail, LIMIT_MS);
      this.onChange = () => {
        if (!this.ended && !this.transcript.includes(text, from)) return;
        clearTimeout(timer);
        this.onChange = () => {};
        if (this.transcript.includes(text, from)) resolve();
        else fail();
      };
      this.onChange();
    });
  }

  /** While others are measured: a plain one idles at its prompt, for free; one that counts goes from timer to timer and never idles. */
  rest(): void {
    if (this.mode === "plain") return;
    this.child.kill("SIGSTOP");
    this.stopped = true;
  }

  close(): void {
    this.child.kill("SIGKILL");
  }
}
