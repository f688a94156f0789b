/** The account of regions under real threads: its bound is never passed, and what an ended thread held comes back. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { REGION_IMPORTS } from "../../src/jit/index.ts";
import { holdRegions, mappingsMaximum, RegionAccount, type RegionShare, regionsWithin } from "../../src/worker/region-account.ts";
import { ADDI, pageOf, RETURN } from "../jit/encode.ts";
import type { HolderData } from "./region-holder.ts";

const THREADS = 3;
/** Grants and refusals that the threads come to before they are ended. */
const ENOUGH = 2000;
const MAXIMUM = 12;

function opened(account: RegionAccount): RegionShare {
  const share = account.open();
  if (share === null) throw new Error("the account has a place left");
  return share;
}

test("regions leave the process a quarter of the memory mappings that the kernel allows it, whatever it allows", () => {
  const library = 4096;
  for (const mappings of [12_000, 30_000, 65_530, 262_144, 2_147_483_642]) {
    const regions = regionsWithin(mappings, library);
    expect(regions).toBeGreaterThanOrEqual(0);
    expect(regions).toBeLessThanOrEqual(20_000);
    if (regions > 0) expect((regions + library) * 2.2).toBeLessThanOrEqual(mappings * 0.75);
  }
  expect([12_000, 65_530, 262_144].map((mappings) => regionsWithin(mappings, library))).toEqual([0, 18_243, 20_000]);
  expect(mappingsMaximum()).toBe(Number(readFileSync("/proc/sys/vm/max_map_count", "latin1")));
});

test("a live module takes no more memory mappings than the account counts for it", () => {
  const mappings = (): number => readFileSync("/proc/self/maps", "latin1").split("\n").length;
  const compiler = new ImmediateCompiler({ fusesMultiplyAdd: false });
  const tlbs = { readTlb: 0, writeTlb: 0, execTlb: 0, execSet: 0, tlbSlots: 0 };
  const machine = { registers: 0, programCounter: 0, mstatus: 0, fcsr: 0, ...tlbs, heat: 0, jumps: 0, outcome: 0 };
  const functions = Object.fromEntries(REGION_IMPORTS.map(({ name }) => [name, (left: number) => left]));
  const imports = { env: { memory: new WebAssembly.Memory({ initial: 1 }), ...functions } };
  const executed = new Uint8Array(2048).fill(1);
  const alive: WebAssembly.Instance[] = [];
  const before = mappings();
  const modules = 400;
  for (let index = 0; index < modules; index++) {
    // As many instructions as a region may have.
    const page = pageOf([...Array.from({ length: 240 }, () => ADDI + index * 2 ** 20), RETURN]);
    compiler.request([{ page, executed, seeds: [0], entries: [], delta: null, all: false }], machine);
    const compiled = compiler.take();
    if (compiled === null) throw new Error("the compiler answers at once");
    const instance = new WebAssembly.Instance(compiled.module, imports);
    // V8 compiles it when it is called.
    (instance.exports["f0"] as (...words: (number | bigint)[]) => number)(0n, 0, 0, 0, 0n);
    alive.push(instance);
  }
  expect(alive.length).toBe(modules);
  // The heap grows meanwhile.
  expect(mappings() - before).toBeLessThan(modules * 2.2 + 200);
});

test("regions are granted up to the maximum, and again when they were given back", () => {
  const account = new RegionAccount(10);
  const [first, second] = [opened(account), opened(account)];
  expect(holdRegions(first, 7)).toBe(true);
  expect(holdRegions(second, 3)).toBe(true);
  expect(holdRegions(second, 4)).toBe(false);
  expect(account.regions).toBe(10);
  expect(holdRegions(first, 6)).toBe(true);
  expect(holdRegions(second, 4)).toBe(true);
  expect(account.regions).toBe(10);
  account.close(first);
  expect(account.regions).toBe(4);
  expect(holdRegions(second, 10)).toBe(true);
});

test("threads that want more than there is never pass the maximum, and leave nothing taken where they are ended", async () => {
  const account = new RegionAccount(MAXIMUM);
  const number = () => new Int32Array(new SharedArrayBuffer(4));
  const figures = { granted: number(), grants: number(), refusals: number(), passed: number() };
  const holders = Array.from({ length: THREADS }, (_, seed) => {
    const share = opened(account);
    const workerData: HolderData = { share, seed, figures };
    return { share, thread: new Worker(new URL("region-holder.mjs", import.meta.url), { workerData }) };
  });
  await Promise.all(holders.map(({ thread }) => once(thread, "message")));
  while (Math.min(Atomics.load(figures.grants, 0), Atomics.load(figures.refusals, 0)) < ENOUGH) await setImmediate();
  // What an ended thread was granted stays in the figures when its place is given up, so they say nothing from then on.
  const passed = Atomics.load(figures.passed, 0);
  // In the middle of whatever each of them does.
  for (const { share, thread } of holders) {
    await thread.terminate();
    account.close(share);
  }
  expect(passed).toBe(0);
  expect(account.regions).toBe(0);
  expect(holdRegions(opened(account), MAXIMUM)).toBe(true);
});
