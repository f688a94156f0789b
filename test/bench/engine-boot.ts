/**
 * `engine:boot`: seconds from reset to the ready line of Debian, translated and interpreted, next to QEMU, in turn. Each boot of ours is
 * the first of a new process that hosts guests as a worker does, with all that a new process has to compile; `second VM` is another
 * machine that is started there when the first is at its prompt, and finds what was translated for it. The plain boot leaves nothing
 * out: Debian's kernel with no argument but the console.
 *
 * What is retired meanwhile differs: guest time follows the host's, and QEMU's firmware is a guest. So the ratios are of seconds.
 */
import { ImageStore, READY_LINE } from "../../src/images/index.ts";
import { QEMU, requireTools } from "../support/debian-tools.ts";
import { guestImageStore } from "../support/guest-image.ts";
import { type Figure, median } from "./bench-line.ts";
import { type Boot, type BootOrder, BootWorker } from "./boot-worker.ts";
import type { EngineName } from "./our-engines.ts";
import { ICOUNT, linuxWords, QEMU_MODES, type QemuMode, qemuCommand, qemuVersion, runQemu } from "./qemu.ts";

const RUNS = 3;
const MEMORY_MIB = 256;
const INTERPRETER_GOAL_RATE = 200;

const GOALS = { goalRatioToQemu: 0.7, goalRatioToQemuIcount: 0.8 };
const SECOND_GOALS = { goalRatioToQemu: 1, goalRatioToQemuIcount: 1 };

interface Measured {
  readonly first: Record<EngineName, Boot[]>;
  readonly second: Boot[];
  readonly qemu: Record<QemuMode, number[]>;
}

export async function* engineBoot(): AsyncGenerator<Figure> {
  requireTools(QEMU);
  const { dir, manifest } = await guestImageStore();
  const store = new ImageStore(dir);
  const [kernelPath, initramfsPath] = [store.blobPath(manifest.kernel.digest), store.blobPath(manifest.initramfs.digest)];
  for (const [kind, cmdline] of [
    ["boot", manifest.cmdline],
    ["plain boot", "console=ttyS0"],
  ] as const) {
    yield* figures(kind, cmdline, await measure({ kernelPath, initramfsPath, memoryMiB: MEMORY_MIB, cmdline }));
  }
}

async function measure(order: BootOrder): Promise<Measured> {
  const measured: Measured = { first: { jit: [], interpreter: [] }, second: [], qemu: { plain: [], icount: [] } };
  const words = linuxWords(order.kernelPath, order.initramfsPath, order.memoryMiB, order.cmdline);
  for (let run = 0; run < RUNS; run++) {
    for (const engine of ["jit", "interpreter"] as const) {
      const worker = new BootWorker(engine);
      try {
        measured.first[engine].push(await worker.boot(order));
        if (engine === "jit") measured.second.push(await worker.boot(order));
      } finally {
        worker.close();
      }
    }
    for (const mode of QEMU_MODES) measured.qemu[mode].push((await runQemu(words, mode, READY_LINE)).seconds);
  }
  return measured;
}

function* figures(kind: string, cmdline: string, { first, second, qemu }: Measured): Generator<Figure> {
  const plain = median(qemu.plain);
  const icount = median(qemu.icount);
  const figure = (name: string, boots: readonly Boot[]): Figure => {
    const seconds = median(boots.map((boot) => boot.seconds));
    return {
      bench: "engine",
      name,
      unit: "Minstr/s",
      value: median(boots.map((boot) => boot.instructions / 1e6 / boot.seconds)),
      n: RUNS,
      better: "higher",
      ratioToQemu: plain / seconds,
      ratioToQemuIcount: icount / seconds,
      detail: {
        instructions: median(boots.map((boot) => boot.instructions)),
        seconds: Number(seconds.toFixed(3)),
        qemuSeconds: Number(plain.toFixed(3)),
        qemuIcountSeconds: Number(icount.toFixed(3)),
        peer: qemuVersion(),
        command: qemuCommand(linuxWords("KERNEL", "INITRAMFS", MEMORY_MIB, cmdline)),
        icount: ICOUNT.join(" "),
      },
    };
  };
  yield { ...figure(`jit: ${kind}`, first.jit), ...GOALS };
  yield { ...figure(`jit: ${kind}, second VM`, second), ...SECOND_GOALS };
  yield { ...figure(`interpreter: ${kind}`, first.interpreter), goal: INTERPRETER_GOAL_RATE };
}
