/** `understudy machine run`: a test program says how it went, and the exit code follows. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { openSbi, openSbiFile } from "../support/opensbi.ts";
import { runCli } from "./captured-shell.ts";

const folder = await mkdtemp(join(tmpdir(), "understudy-machine-run-"));
afterAll(() => rm(folder, { recursive: true }));

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/bare-metal/${name}`, import.meta.url));
}

function runMachine(name: string, ...options: string[]) {
  return runCli(["machine", "run", fixture(`${name}.elf`), ...options]);
}

test("a program that passes exits with 0, its bytes are stdout in order, and its signature is words in hex", async () => {
  const signature = join(folder, "signature");
  const outcome = await runMachine("htif-pass", "--signature", signature);
  expect(outcome).toEqual({ code: 0, stdout: "console\nwritten\nu\n", stderr: "" });
  expect(await readFile(signature, "utf8")).toBe("0badcafe\n00000008\n00000007\nffffffff\n");
});

test("a signature that cannot be written is no pass", async () => {
  const outcome = await runMachine("htif-pass", "--signature", join(folder, "no", "such", "folder"));
  expect(outcome).toMatchObject({ code: 126, stderr: expect.stringMatching(/^understudy: Cannot write .*no such file or directory/) });
});

test("a failing test's number is the exit code", async () => {
  expect(await runMachine("htif-fail")).toMatchObject({ code: 7, stderr: expect.stringContaining("Test 7 failed") });
});

test("a number that no exit code can be becomes 125, and is told", async () => {
  expect(await runMachine("finisher-fail")).toMatchObject({ code: 125, stdout: "!", stderr: expect.stringContaining("Test 300 failed") });
});

test("a trace has pc, instruction and changed registers of what retired, through traps and page tables", async () => {
  const trace = join(folder, "trace");
  expect(await runMachine("finisher-pass", "--trace", trace)).toEqual({ code: 0, stdout: "", stderr: "" });
  // Its program counters are those of QEMU 7.2, but for the two ecall, which do not retire.
  expect(await readFile(trace, "utf8")).toBe(await readFile(fixture("finisher-pass.trace"), "utf8"));
});

test("neither tracing nor hashing changes what happens", async () => {
  const often = await runMachine("htif-pass", "--hash-every", "1000");
  const seldom = await runMachine("htif-pass", "--hash-every", "7000");
  const traced = await runMachine("htif-pass", "--hash-every", "1000", "--trace", join(folder, "unused-trace"));
  expect(traced).toEqual(often);
  const hashes = often.stderr.trimEnd().split("\n");
  expect(hashes.length).toBeGreaterThan(20);
  expect(hashes.every((line, index) => new RegExp(`^${(index + 1) * 1000} [0-9a-f]{16}$`).test(line))).toBe(true);
  expect(new Set(hashes.map((line) => line.split(" ")[1])).size).toBe(hashes.length);
  expect(seldom.stderr.trimEnd().split("\n")).toEqual(hashes.filter((line) => Number(line.split(" ")[0]) % 7000 === 0));
});

test("a flat image runs from 0x80000000 on, where it is said to be one", async () => {
  const image = join(folder, "flat.bin");
  // lui t0, 0x100; lui t1, 0x5; addi t1, t1, 0x555; sw t1, 0(t0): the finisher's pass.
  await writeFile(image, new Uint8Array(new Uint32Array([0x001002b7, 0x00005337, 0x55530313, 0x0062a023]).buffer));
  expect(await runCli(["machine", "run", image, "--flat"])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await runCli(["machine", "run", image])).toMatchObject({ code: 126, stderr: expect.stringContaining("does not begin as one") });
});

const firmware = openSbi();
const FIRMWARE: readonly [name: string, ...options: string[]][] = [
  ["fw_dynamic.elf"],
  ["fw_dynamic.bin", "--flat", "--memory", "2G"],
  ["fw_jump.elf"],
  ["fw_jump.bin", "--flat"],
];

for (const [name, ...options] of FIRMWARE) {
  test.skipIf(firmware === null)(`OpenSBI's ${name} finds its device tree, and enters a kernel in S mode`, async () => {
    const kernel = join(folder, "kernel");
    await writeFile(kernel, passingKernel());
    const { code, stdout, stderr } = await runCli(["machine", "run", openSbiFile(name), "--kernel", kernel, ...options]);
    expect(stdout).toMatch(/Platform Name +: understudy,virt/);
    expect(stdout).toMatch(/Domain0 Next Address +: 0x0000000080200000/);
    expect([code, stderr]).toEqual([0, ""]);
  });
}

/** A flat Image whose code is the finisher's pass. */
function passingKernel(): Uint8Array {
  const image = new DataView(new ArrayBuffer(128));
  image.setUint32(0, 0x0400006f, true); // j 64
  image.setBigUint64(8, 0x200000n, true);
  image.setBigUint64(16, 128n, true);
  image.setUint32(56, 0x05435352, true);
  for (const [index, word] of [0x001002b7, 0x00005337, 0x55530313, 0x0062a023].entries()) image.setUint32(64 + 4 * index, word, true);
  return new Uint8Array(image.buffer);
}

const withoutVerdict: readonly [what: string, name: string, options: readonly string[], message: string][] = [
  ["still runs when --until is over", "spins", ["--until", "12345"], "The program still runs at instant 12345"],
  ["waits for nothing, once its timer has come", "waits", [], "waits for an interrupt that nothing can raise"],
  ["only traps", "traps", [], "only traps"],
  ["asks for a device that is not there", "unknown-request", [], "Cannot serve the request 0x4200000000000000"],
  ["has no signature", "spins", ["--signature", join(folder, "none")], "lacks begin_signature or end_signature"],
  ["is to enter a kernel that is not there", "spins", ["--kernel", join(folder, "no-kernel")], "Cannot read"],
  ["is to enter what is no kernel", "spins", ["--kernel", fixture("README.md")], "Cannot use the kernel: it has no RISC-V image header"],
  ["cannot be traced there", "finisher-pass", ["--trace", join(folder, "no", "such", "folder")], "Cannot write"],
];

for (const [what, name, options, message] of withoutVerdict) {
  test(`a program that ${what} has no verdict: 126`, async () => {
    expect(await runMachine(name, ...options)).toMatchObject({ code: 126, stdout: "", stderr: expect.stringContaining(message) });
  });
}

test("what does not fit into memory has no verdict, and is told by name", async () => {
  const initrd = join(folder, "initrd");
  await writeFile(initrd, new Uint8Array(1 << 20));
  const initramfs = await runMachine("spins", "--memory", "1M", "--initrd", initrd);
  expect(initramfs).toMatchObject({ code: 126, stderr: expect.stringContaining("Cannot load an initramfs of 1048576 bytes") });
  const tree = await runMachine("spins", "--append", "x".repeat(100_000));
  expect(tree).toMatchObject({ code: 126, stderr: expect.stringContaining("Cannot use a device tree of") });
});

test("a file that is no program has no verdict either, and no signature is written over", async () => {
  const signature = join(folder, "kept");
  await writeFile(signature, "before\n");
  const cases: readonly [file: string, message: string][] = [
    [join(folder, "missing.elf"), "Cannot read"],
    [fixture("README.md"), "Cannot load the ELF file: it does not begin as one"],
  ];
  for (const [file, message] of cases) {
    const outcome = await runCli(["machine", "run", file, "--signature", signature]);
    expect(outcome).toMatchObject({ code: 126, stderr: expect.stringContaining(message) });
  }
  expect(await readFile(signature, "utf8")).toBe("before\n");
});

test("sizes and counts that cannot be are refused as usage", async () => {
  for (const options of [
    ["--memory", "4G"],
    ["--memory", "0"],
    ["--memory", "64K"],
    ["--until", "0"],
    ["--hash-every", "often"],
    ["--engine", "qemu"],
  ]) {
    expect(await runMachine("finisher-pass", ...options), options.join(" ")).toMatchObject({ code: 2, stdout: "" });
  }
});

test("both engines go through the same states, and the figures say which of them translates", async () => {
  const run = async (engine: string) => {
    const { code, stderr } = await runMachine(
      "spins",
      ...["--memory", "1M", "--engine", engine, "--until", "6000000", "--hash-every", "1000000", "--stats"],
    );
    const lines = stderr.split("\n");
    const hashes = lines.filter((line) => /^\d+ [0-9a-f]{16}$/.test(line));
    return { code, hashes, stats: JSON.parse(lines.find((line) => line.startsWith("{")) ?? "null") };
  };
  const [interpreted, translated] = [await run("interpreter"), await run("jit")];
  expect(interpreted.code).toBe(126);
  expect(interpreted.hashes).toHaveLength(6);
  expect(translated.hashes).toEqual(interpreted.hashes);
  expect(interpreted.stats).toEqual({ instructions: 6_000_000 });
  expect(translated.stats).toMatchObject({ instructions: 6_000_000, regions: expect.any(Number) });
  expect(translated.stats.retired).toBeGreaterThan(3_000_000);
  expect(translated.stats.coverage).toBeCloseTo(translated.stats.retired / 6_000_000, 3);
  expect(translated.stats.compileMs).toBeGreaterThan(0);
});

test("the built program does it too", async () => {
  const program = fileURLToPath(new URL("../../dist/understudy.mjs", import.meta.url));
  const failed = promisify(execFile)(process.execPath, [program, "machine", "run", fixture("htif-fail.elf")]);
  await expect(failed).rejects.toMatchObject({ code: 7, stdout: "" });
});
