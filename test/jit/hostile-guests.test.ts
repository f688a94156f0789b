/**
 * Guests that make translation worth nothing: slow is allowed, wrong is not, and neither are regions without bound. Each checks
 * itself; here it also goes through the interpreter's states, with few regions and with many.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  type CompiledRegion,
  type CompiledRegions,
  compileAgain,
  compileRegions,
  dispatcherModule,
  ImmediateCompiler,
  type RegionCompiler,
} from "../../src/engine/region-compiler.ts";
import type { RegionOptions, RegionStatistics } from "../../src/engine/regions.ts";
import { type MachineAddresses, type PageSource, regionSources } from "../../src/jit/index.ts";
import { fixture, GuestRun } from "../machine/guest-run.ts";
import { ADDI, branchNotEqual, jump, pageOf, RETURN } from "./encode.ts";

const LIMIT = 20_000_000n;

/** @param piece instructions between two looks for translated code, and at the state */
function run(name: string, piece: bigint, regions?: RegionOptions): { story: string[]; statistics: RegionStatistics | null } {
  const guest = new GuestRun({ image: fixture(`programs/${name}.bin`) }, 8, regions);
  const story: string[] = [];
  for (let end = piece; end < LIMIT; end += piece) {
    const runs = guest.to(end);
    story.push(`${guest.vm.instant} ${guest.hash}`);
    if (!runs) break;
  }
  story.push(guest.outcome);
  return { story, statistics: guest.vm.regionStatistics() };
}

const GUESTS: readonly (readonly [name: string, is: string, piece: bigint, mostRequests: number])[] = [
  ["every-halfword", "that jumps to every halfword of a page", 40_000n, 200],
  ["rewrites-loop", "that rewrites its own loops at each pass", 500n, 100],
  ["aliases", "that maps a page at 512 addresses and changes it through them", 5_000n, 50],
  ["scattered", "that fills memory with regions of one instruction", 10_000n, 400],
];

/** Answers nothing until it is let. */
class HeldCompiler extends ImmediateCompiler {
  held = true;

  override take(): CompiledRegions | null {
    return this.held ? null : super.take();
  }
}

/** Keeps nothing of what it has compiled. */
class ForgetfulCompiler implements RegionCompiler {
  readonly dispatcher = dispatcherModule();
  readonly outstanding = 0;
  readonly made: WeakRef<WebAssembly.Module>[] = [];
  private readonly answers: CompiledRegions[] = [];

  request(pages: readonly PageSource[], machine: MachineAddresses): void {
    const compiled = compileRegions(pages.flatMap(regionSources), machine, this.made.length);
    this.made.push(new WeakRef(compiled.module));
    this.answers.push(compiled);
  }

  optimise(region: CompiledRegion, machine: MachineAddresses): void {
    const compiled = compileAgain(region, machine);
    this.made.push(new WeakRef(compiled.module));
    this.answers.push(compiled);
  }

  lookUp(): void {}

  take(): CompiledRegions | null {
    return this.answers.shift() ?? null;
  }

  reserve(): boolean {
    return true;
  }
}

test.each([
  ["rewrites-loop", 500n, {}],
  ["rewrites-callee", 100n, { landings: 1, optimiseAfter: 1, linkLooks: 1 }],
] as const)("the modules of regions whose code has changed go, while the machine that had them runs on: %s", async (name, piece, often) => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const compiler = new ForgetfulCompiler();
  const regions = { compiler, sampleInterval: 100, threshold: 2, maximum: 3, ...often };
  const guest = new GuestRun({ image: fixture(`programs/${name}.bin`) }, 8, regions);
  for (let end = piece; guest.to(end); end += piece);
  const held = guest.vm.regionStatistics()?.regions ?? 0;
  expect(compiler.made.length).toBeGreaterThan(2 * held + 3);
  // What a WeakRef was made of is there until the next turn of the event loop.
  await new Promise(setImmediate);
  collectGarbage();
  const alive = compiler.made.filter((module) => module.deref() !== undefined).length;
  expect(alive).toBeLessThanOrEqual(held + 1);
});

test("a guest that has the same code in hundreds of pages gets it a few pages at a time, so that its thread goes on", () => {
  const pages = 300;
  // Goes through the pages for ever: auipc t0, 1; addi t2, x0, pages; jalr ra, 0(t0); lui t1, 1; add t0, t0, t1; addi t2, t2, -1; bne t2, x0, -16
  const goesThrough = [0x00001297, pages * 2 ** 20 + 0x00000393, 0x000280e7, 0x00001337, 0x006282b3, 0xfff38393, 0xfe0398e3, jump(0, -28)];
  // addi a1, x0, 50; then as often addi a0, a0, 1; addi a1, a1, -1
  const loops = [0x03200593, ADDI, 0xfff58593, branchNotEqual(-8), RETURN];
  const image = Buffer.concat([goesThrough, ...Array.from({ length: pages }, () => loops)].map(pageOf));
  const compiler = new HeldCompiler();
  const guest = new GuestRun({ image }, 8, { compiler, sampleInterval: 100, threshold: 2 });
  guest.to(3_000_000n);
  compiler.held = false;
  const installed: number[] = [];
  for (let end = 3_010_000n; end <= 8_000_000n; end += 10_000n) {
    const before = guest.vm.regionStatistics()?.installed ?? 0;
    guest.to(end);
    installed.push((guest.vm.regionStatistics()?.installed ?? 0) - before);
  }
  // A piece of a run has one look.
  expect(Math.max(...installed)).toBeLessThanOrEqual(16);
  expect(installed.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(pages / 2);
  const interpreter = new GuestRun({ image }, 8);
  interpreter.to(8_000_000n);
  expect(guest.hash).toBe(interpreter.hash);
});

describe.each(GUESTS)("%s: a guest %s", (name, _, piece, mostRequests) => {
  const interpreted = run(name, piece);

  test("passes its own checks", () => {
    expect(interpreted.story.at(-1)).toBe("poweroff");
  });

  for (const maximum of [3, 4000]) {
    test(`is in the interpreter's states with ${maximum} regions at most, and asks for no more than is of use`, () => {
      const { story, statistics } = run(name, piece, { compiler: new ImmediateCompiler(), sampleInterval: 100, threshold: 2, maximum });
      expect(story).toEqual(interpreted.story);
      expect(statistics?.installed).toBeGreaterThan(0);
      expect(statistics?.regions).toBeLessThanOrEqual(maximum);
      expect(statistics?.requested).toBeLessThan(mostRequests);
    });
  }
});
