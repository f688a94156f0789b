/**
 * Work for a Debian guest, and what the host computes that it must answer: processes, memory, signals, futexes, floating point
 * (test/fixtures/guest/workloads.c), files through a tmpfs, pipes, checksums and compressed data.
 *
 * It comes into the guest as one more archive behind the initramfs: the kernel unpacks one after the other.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { directory, regularFile, writeCpio } from "../../src/images/cpio.ts";
import { add, DOUBLE, divide, type Format, multiply, type Outcome, SINGLE, squareRoot, subtract } from "./exact-float.ts";
import type { LinuxFiles } from "./linux-guest.ts";

/** What to type at the guest's prompt. */
export const WORK_COMMAND = "sh /work/all.sh\n";
/** The last line of the work. */
export const WORK_DONE = "the work is done";

const KERNEL_LOG = "the kernel's log:";

const PROCESSES = 100;
const MEMORY_ROUNDS = 40;
const SIGNAL_ROUNDS = 500;
const THREADS = 10;
const THREAD_ROUNDS = 100;
const FLOAT_PROCESSES = 25;
const FLOAT_STEPS = 100;
const FILE_BYTES = 300_001;
const PACKED_BYTES = 500_003;
const PIPES = 12;
const PIPE_BYTES = 20_000;

const W = "/work/workloads";

const SCRIPT = `cd /tmp
${W} storm ${PROCESSES}
${W} memory ${MEMORY_ROUNDS}
${W} signals ${SIGNAL_ROUNDS}
${W} futex ${THREADS} ${THREAD_ROUNDS}
${W} float ${FLOAT_PROCESSES} ${FLOAT_STEPS}
${W} bytes 1 ${FILE_BYTES} >a
dd if=a of=b bs=4096 2>/dev/null
dd if=b of=c bs=777 2>/dev/null
dd if=a of=c bs=1000 skip=3 seek=20 count=50 conv=notrunc 2>/dev/null
sha256sum a b c
cmp a b && echo the copy is the same
sha1sum a | cut -c 1-40
sha512sum a | cut -c 1-128
rm a b c
gunzip -c /work/packed.gz >unpacked
md5sum unpacked
wc -c <unpacked
rm unpacked
for i in $(seq ${PIPES}); do ${W} bytes $i ${PIPE_BYTES} | cat | sha256sum & done | sort
echo "${KERNEL_LOG}"
dmesg -r
echo "${WORK_DONE}"
`;

/** The same files, with the work in the initramfs. */
export function withWork(files: LinuxFiles): LinuxFiles {
  const program = readFileSync(fileURLToPath(new URL("../fixtures/guest/workloads", import.meta.url)));
  const archive = writeCpio([
    directory("work"),
    regularFile("work/workloads", program, 0o755),
    regularFile("work/all.sh", new TextEncoder().encode(SCRIPT)),
    regularFile("work/packed.gz", gzipSync(knownBytes(2n, PACKED_BYTES), { level: 9 })),
  ]);
  return { ...files, initramfs: Buffer.concat([files.initramfs, archive]) };
}

export interface WorkReport {
  readonly results: readonly string[];
  /** With `<level>` before each line, as `dmesg -r` has it. */
  readonly kernelLog: readonly string[];
}

/** What a guest that was told `WORK_COMMAND` has answered. */
export function workReport(transcript: string): WorkReport {
  const lines = transcript.split("\r\n");
  const start = lines.findIndex((line) => line.endsWith(WORK_COMMAND.trimEnd())) + 1;
  const log = lines.indexOf(KERNEL_LOG, start);
  const end = lines.indexOf(WORK_DONE, log);
  if (start === 0 || log === -1 || end === -1) throw new Error(`the guest did not do its work; its console:\n${transcript.slice(-4000)}`);
  return { results: lines.slice(start, log), kernelLog: lines.slice(log + 1, end) };
}

/** Lines of a kernel's log that a machine without fault does not cause: warnings and worse, and reports of them at any level. */
export function complaints(kernelLog: readonly string[]): string[] {
  return kernelLog.filter((line) => /^<[0-4]>/.test(line) || /WARNING|BUG|Oops|unhandled|Call Trace|stall|lockup|corrupt/i.test(line));
}

/** What the guest must answer, line by line. */
export function expectedResults(): string[] {
  const file = knownBytes(1n, FILE_BYTES);
  const patched = Buffer.from(file);
  patched.set(file.subarray(3000, 53_000), 20_000);
  const piped = Array.from({ length: PIPES }, (_none, index) => `${digest("sha256", knownBytes(BigInt(index + 1), PIPE_BYTES))}  -`);
  return [
    storm(),
    `memory ${MEMORY_ROUNDS} rounds, sum ${hex(writeBarriers(), 16)}`,
    `signals ${SIGNAL_ROUNDS} rounds, 0:0 0:1 0:2 1:0 1:1 1:2 ${hex(doubleBits(logistic(20_000)), 16)}`,
    futex(),
    ...Array.from({ length: FLOAT_PROCESSES }, (_none, number) => chaos(number)),
    `${digest("sha256", file)}  a`,
    `${digest("sha256", file)}  b`,
    `${digest("sha256", patched)}  c`,
    "the copy is the same",
    digest("sha1", file),
    digest("sha512", file),
    `${digest("md5", knownBytes(2n, PACKED_BYTES))}  unpacked`,
    String(PACKED_BYTES),
    ...piped.sort(),
  ];
}

// --- the same work, on the host -----------------------------------------------------------------------------------------

function mixed(value: bigint): bigint {
  let x = u64(value + 0x9e3779b97f4a7c15n);
  x = u64((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = u64((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  return x ^ (x >> 31n);
}

function storm(): string {
  const results = Array.from({ length: PROCESSES }, (_none, number) => mixed(BigInt(number)));
  const statuses = results.reduce((sum, result) => sum + (result & 63n), 0n);
  return `storm ${PROCESSES} processes, statuses ${statuses}, sum ${hex(u64(results.reduce((sum, result) => sum + result)), 16)}`;
}

function writeBarriers(): bigint {
  const region = new BigUint64Array((64 * 4096) / 8);
  for (let seed = 1n; seed <= BigInt(MEMORY_ROUNDS * 200); seed++) {
    const value = mixed(seed);
    region[Number(value % BigInt(region.length))]! += value;
  }
  return region.reduce((sum, word) => mixed(u64(sum + word)), 0n);
}

function logistic(steps: number): number {
  let x = 0.25;
  for (let i = 0; i < steps; i++) x = 3.75 * x * (1 - x);
  return x;
}

function futex(): string {
  const rounds = BigInt(THREAD_ROUNDS);
  const numbers = Array.from({ length: THREADS }, (_none, number) => BigInt(number));
  const sum = (of: (number: bigint) => bigint) => u64(rounds * numbers.reduce((total, number) => total + of(number), 0n));
  let turns = 0n;
  for (let round = 0; round < THREAD_ROUNDS; round++) for (const number of numbers) turns = mixed(u64(turns + number));
  return (
    `futex ${THREADS * THREAD_ROUNDS} guarded, ${sum((number) => number + 1n)} added, ${hex(sum(mixed), 16)} compared, ` +
    `${hex(turns, 16)} turns, ${THREADS * THREAD_ROUNDS} between processes`
  );
}

/** One process of `workloads float`, in exact arithmetic, each result rounded as the process rounds. */
function chaos(number: number): string {
  const mode = number % 5;
  let flags = 0;
  const note = (outcome: Outcome): bigint => {
    flags |= outcome.flags;
    return outcome.bits;
  };
  const step = (format: Format, [factor, one]: readonly [bigint, bigint], x: bigint): bigint => {
    const scaled = note(multiply(format, factor, x, mode));
    return note(multiply(format, scaled, note(subtract(format, one, x, mode)), mode));
  };
  let x = doubleBits(0.25 + number / 1024);
  let y = singleBits(0.25 + number / 1024);
  let w = doubleBits(2);
  for (let i = 0; i < FLOAT_STEPS; i++) {
    x = step(DOUBLE, [doubleBits(3.75), doubleBits(1)], x);
    y = step(SINGLE, [singleBits(3.75), singleBits(1)], y);
    const square = note(multiply(DOUBLE, w, w, mode));
    const third = note(divide(DOUBLE, square, doubleBits(3), mode));
    w = note(squareRoot(DOUBLE, note(add(DOUBLE, third, x, mode)), mode));
  }
  return `float ${number}: ${hex(x, 16)} ${hex(y, 8)} ${hex(w, 16)} flags ${flags}`;
}

function knownBytes(from: bigint, length: number): Buffer {
  const out = Buffer.alloc(Math.ceil(length / 1024) * 1024);
  let seed = from;
  for (let at = 0; at < length; at += 1024) {
    const noise = at % 2048 === 0;
    let word = mixed(seed++);
    for (let i = 0; i < 1024; i += 8) {
      if (noise) word = mixed(seed++);
      out.writeBigUInt64LE(noise ? word : word & 0x0303_0303_0303_0303n, at + i);
    }
  }
  return out.subarray(0, length);
}

function digest(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

function doubleBits(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
}

function singleBits(value: number): bigint {
  return BigInt(new Uint32Array(Float32Array.of(value).buffer)[0] as number);
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function hex(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
