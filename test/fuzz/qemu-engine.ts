/**
 * QEMU as an engine of the fuzzer. Its RAM is a file, so an image is put there before it starts and results are read after it
 * has ended: one process, some 50 ms, for thousands of programs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RAM_BASE } from "../../src/isa/memory-map.ts";
import { QEMU } from "../support/debian-tools.ts";
import { EngineStuck, type FuzzEngine } from "./engine.ts";
import { type Image, MEMORY_MIB } from "./frame.ts";

/** A QEMU that has written no result for so long hangs, however slow the host is. */
const SILENCE_MS = 180_000;

/** The hart that ours is: what QEMU has beyond it is off. */
const CPU = ["rv64", "h=false", "zba=true", "zbb=true", "zbs=true", "zbc=false", "marchid=0", "mimpid=0", "pmu-num=0"].join(",");

/** A QEMU process, and the file that is its RAM. */
export class QemuProcess {
  private readonly ram: number;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;
  private complaint = "";

  private constructor(folder: string, image: Image, words: readonly string[]) {
    this.folder = folder;
    const path = join(folder, "ram");
    this.ram = openSync(path, "w+");
    ftruncateSync(this.ram, MEMORY_MIB << 20);
    writeSync(this.ram, image.bytes, 0, image.bytes.length, 0);
    // Two harts, of which the second waits: only then do atomics fault as such.
    const machine = ["-machine", "virt,memory-backend=ram", "-cpu", CPU, "-smp", "2", "-m", `${MEMORY_MIB}`, "-bios", "none"];
    const memory = ["-object", `memory-backend-file,id=ram,mem-path=${path},share=on,size=${MEMORY_MIB}M`];
    const rest = ["-display", "none", "-serial", "none", "-monitor", "none", "-nodefaults"];
    this.child = spawn(QEMU.program, [...machine, ...memory, ...rest, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.complaint += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", resolve);
    });
    this.ended.catch(() => {});
  }

  /** @param words more of QEMU's arguments; `FOLDER` in them becomes a folder of its own */
  static start(image: Image, words: readonly string[]): QemuProcess {
    const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "understudy-fuzz-"));
    return new QemuProcess(
      folder,
      image,
      words.map((text) => text.replaceAll("FOLDER", folder)),
    );
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A copy of its RAM. */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    readSync(this.ram, bytes, 0, length, address - RAM_BASE);
    return bytes;
  }

  /** @returns whether it ended by itself; not if it was silent for so long that it never will */
  async end({ results }: Image): Promise<boolean> {
    let before: Uint8Array | null = null;
    let hangs = false;
    const timer = setInterval(() => {
      const now = this.read(results.address, results.length);
      hangs = before !== null && Buffer.compare(before, now) === 0;
      before = now;
      if (hangs) this.child.kill("SIGKILL");
    }, SILENCE_MS);
    const status = await this.ended.finally(() => clearInterval(timer));
    if (!hangs && status !== 0) throw new Error(`Cannot compare with QEMU: it ended with status ${status}: ${this.complaint.trim()}`);
    return !hangs;
  }

  /** Ends it, if it runs yet, and forgets its RAM. */
  async close(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
    await this.ended.catch(() => {});
    closeSync(this.ram);
    rmSync(this.folder, { recursive: true });
  }
}

export class QemuEngine implements FuzzEngine {
  readonly name = "QEMU";

  async run(image: Image): Promise<Uint8Array> {
    const qemu = QemuProcess.start(image, []);
    try {
      const ended = await qemu.end(image);
      const results = qemu.read(image.results.address, image.results.length);
      if (!ended) throw new EngineStuck(`${this.name} has written nothing for ${SILENCE_MS / 1000} s`, results);
      return results;
    } finally {
      await qemu.close();
    }
  }
}
