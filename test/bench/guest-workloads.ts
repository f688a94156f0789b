/**
 * What a Debian guest is told to do for `engine:guest`: programs of our own (test/fixtures/guest-bench) and Debian's busybox, each for
 * about a second of QEMU's. They come into the guest as one more archive behind the initramfs.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Prng } from "../../src/base/prng.ts";
import { directory, regularFile, writeCpio } from "../../src/images/cpio.ts";
import { guestBusybox } from "../support/guest-busybox.ts";
import type { LinuxFiles } from "../support/linux-guest.ts";

export interface Workload {
  readonly name: string;
  /** What is typed. It prints what it worked out, the same on every machine. */
  readonly command: string;
  /** Our speed over QEMU's. */
  readonly goals: Goals;
}

interface Goals {
  readonly plain: number;
  readonly icount: number;
}

const PROGRAMS = ["core", "records", "floats", "system"] as const;
const BUILD = fileURLToPath(new URL("../fixtures/guest-bench/build.sh", import.meta.url));

const INTEGER: Goals = { plain: 1, icount: 1.5 };
const TOOLS: Goals = { plain: 0.8, icount: 1.2 };
const FLOATS: Goals = { plain: 0.5, icount: 1.2 };
const KERNEL: Goals = { plain: 0.7, icount: 1 };

const B = "/bench/busybox";
const TEXT = "/bench/text";
const TEXT_LINES = 40_000;

const LOOP = "i=0; s=1; while [ $i -lt 20000 ]; do i=$((i+1)); s=$(((s*31+i)%65521)); done; echo $s";
const TALLY = "{ n[$2] += $3; l += length($0); if ($4 ~ /^a.*e/) a++ } END { for (w in n) s += n[w] % 1000; print NR, l, a, s }";

export const WORKLOADS: readonly Workload[] = [
  { name: "coremark-like", command: "/bench/core 4000", goals: INTEGER },
  { name: "dhrystone-like", command: "/bench/records 1000000", goals: INTEGER },
  { name: "sha256sum", command: `${B} sha256sum ${TEXT} ${TEXT} ${TEXT} ${TEXT} ${TEXT} ${TEXT} ${TEXT} ${TEXT}`, goals: TOOLS },
  { name: "gzip", command: `${B} gzip -c ${TEXT} >/tmp/z; ${B} cksum /tmp/z`, goals: TOOLS },
  { name: "awk", command: `${B} awk '${TALLY}' ${TEXT}`, goals: TOOLS },
  { name: "sort", command: `${B} sort -k 4 ${TEXT} | ${B} cksum`, goals: TOOLS },
  { name: "shell-loop", command: `${B} ash -c '${LOOP}'`, goals: TOOLS },
  { name: "nbody", command: "/bench/floats nbody 250000", goals: FLOATS },
  { name: "mandelbrot", command: "/bench/floats mandelbrot 700", goals: FLOATS },
  { name: "linpack-like", command: "/bench/floats linpack 30", goals: FLOATS },
  { name: "fork-exec", command: "/bench/system processes 1000", goals: KERNEL },
  { name: "system-calls", command: "/bench/system calls 1000000", goals: KERNEL },
  { name: "pipes", command: "/bench/system pipes 5000", goals: KERNEL },
  { name: "page-faults", command: "/bench/system faults 60", goals: KERNEL },
];

/** The same files, with the workloads in the initramfs. @returns also what the programs are, for people */
export async function withWorkloads(files: LinuxFiles): Promise<{ readonly files: LinuxFiles; readonly programs: string }> {
  const folder = await mkdtemp(join(tmpdir(), "understudy-guest-bench-"));
  try {
    execFileSync("sh", [BUILD, folder], { stdio: ["ignore", 2, 2] });
    const busybox = await guestBusybox();
    const archive = writeCpio([
      directory("bench"),
      regularFile("bench/busybox", busybox.program, 0o755),
      regularFile("bench/text", text()),
      ...(await Promise.all(PROGRAMS.map(async (name) => regularFile(`bench/${name}`, await readFile(join(folder, name)), 0o755)))),
    ]);
    return { files: { ...files, initramfs: Buffer.concat([files.initramfs, archive]) }, programs: busybox.source };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Lines of a number, a word of few, a number, and three words of many. */
function text(): Uint8Array {
  const random = new Prng(1);
  const word = (letters: number) => Array.from({ length: letters }, () => "etaoinsrhd".charAt(random.between(0, 9))).join("");
  const frequent = Array.from({ length: 200 }, () => word(random.between(3, 9)));
  const lines = Array.from({ length: TEXT_LINES }, (_none, index) => {
    const some = frequent[random.between(0, frequent.length - 1)];
    return `${index} ${some} ${random.between(0, 99_999)} ${word(5)} ${word(random.between(2, 12))} ${word(4)}\n`;
  });
  return new TextEncoder().encode(lines.join(""));
}
