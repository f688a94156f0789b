/**
 * `engine:boot`: million guest instructions a second over the boot of the default image, translated and interpreted, next to QEMU, in
 * turn. All but the first boot that is translated find what the compile thread made for the one before (`detail.first`: that one's
 * seconds).
 */
import type { RegionOptions } from "../../src/engine/regions.ts";
import { ImageStore, READY_LINE } from "../../src/images/index.ts";
import { QEMU, requireTools } from "../support/debian-tools.ts";
import { guestImageStore } from "../support/guest-image.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import { type Figure, median } from "./bench-line.ts";
import { INTERPRETER, type OurEngine, translating } from "./our-engines.ts";
import { ICOUNT, linuxWords, QEMU_MODES, type QemuMode, qemuCommand, qemuVersion, runQemu } from "./qemu.ts";

const RUNS = 3;
const INTERPRETER_GOAL = 200;
const MEMORY_MIB = 256;

export async function* engineBoot(): AsyncGenerator<Figure> {
  requireTools(QEMU);
  const { jit, compile } = translating();
  try {
    yield* await measureBoot([jit, INTERPRETER], qemuVersion());
  } finally {
    await compile.stop();
  }
}

/**
 * Reset to the ready line. What QEMU retires meanwhile is not the same (its firmware is a guest, its clock the host's), so the
 * ratios are of seconds.
 */
async function measureBoot(engines: readonly OurEngine[], version: string): Promise<Figure[]> {
  const files = await linuxFiles();
  const { dir, manifest } = await guestImageStore();
  const store = new ImageStore(dir);
  const { cmdline } = manifest;
  const words = linuxWords(store.blobPath(manifest.kernel.digest), store.blobPath(manifest.initramfs.digest), MEMORY_MIB, cmdline);
  const ours = new Map<OurEngine, number[]>(engines.map((each) => [each, []]));
  const theirs: Record<QemuMode, number[]> = { plain: [], icount: [] };
  const instants = new Set<bigint>();
  const boot = (regions: RegionOptions | undefined): LinuxGuest => {
    const guest = new LinuxGuest(files, MEMORY_MIB, null, regions);
    guest.runUntil(READY_LINE);
    return guest;
  };
  boot(undefined);
  for (let run = 0; run < RUNS; run++) {
    for (const [each, times] of ours) {
      const start = performance.now();
      const guest = boot(each.regions());
      times.push((performance.now() - start) / 1000);
      instants.add(guest.vm.instant);
    }
    for (const mode of QEMU_MODES) theirs[mode].push((await runQemu(words, mode, READY_LINE)).seconds);
  }
  const [instructions] = instants;
  if (instants.size !== 1 || instructions === undefined) throw new Error(`boots differ: ${[...instants].join(", ")} instructions`);
  const plain = median(theirs.plain);
  const icount = median(theirs.icount);
  return [...ours].map(([{ name }, times]) => {
    const seconds = median(times);
    return {
      bench: "engine",
      name: `${name}: boot`,
      unit: "Minstr/s",
      value: Number(instructions) / 1e6 / seconds,
      n: RUNS,
      ...(name === "interpreter" && { goal: INTERPRETER_GOAL }),
      better: "higher",
      ratioToQemu: plain / seconds,
      ratioToQemuIcount: icount / seconds,
      detail: {
        instructions: Number(instructions),
        seconds: Number(seconds.toFixed(3)),
        first: Number((times[0] ?? Number.NaN).toFixed(3)),
        qemuSeconds: Number(plain.toFixed(3)),
        qemuIcountSeconds: Number(icount.toFixed(3)),
        peer: version,
        command: qemuCommand(linuxWords("KERNEL", "INITRAMFS", MEMORY_MIB, cmdline)),
        icount: ICOUNT.join(" "),
      },
    };
  });
}
