/**
 * The thread that translates and compiles guest code for all replicas of this process, so that no guest waits for it.
 *
 * What it made it keeps by the content of the guest's pages: the second VM of an image, a backup and a replica that comes later
 * find it ready. V8 compiles a function when it is called first; so every function is called here, once, on a memory that is
 * nobody's, and leaves at once because it has no instruction to spend. The code belongs to the process, the replicas' threads only
 * instantiate. What then turns out to run much they ask for again, and it is compiled for speed, by V8's optimising compiler, unless
 * V8 is left to do that by itself (v8-flags.ts). Then it has no looks at the stack either, at the head of each loop and function: a
 * region calls others as the last thing it does, and the machine, which looks; and it ends by itself, after a slice of instructions.
 */
import { setFlagsFromString } from "node:v8";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert, unreachable } from "../base/assert.ts";
import { hasRelaxedSimd } from "../engine/host.ts";
import {
  type CompiledRegion,
  type CompiledRegions,
  compileAgain,
  compileRegions,
  hashPage,
  RegionLibrary,
} from "../engine/region-compiler.ts";
import { type MachineAddresses, REGION_IMPORTS, type RegionSource, regionSources } from "../jit/index.ts";
import type { CompileAnswer, CompileConnection, CompileQuestion, CompileThreadData } from "./compile-messages.ts";
import { yieldToOtherThreads } from "./thread-priority.ts";
import { OPTIMISES_BY_ITSELF } from "./v8-flags.ts";

/** 64 KiB pages that hold whatever address a region has in it. */
const SCRATCH_PAGES = 16;

// What V8 does by itself from Node 24 on: without the hints a slow path costs registers on every access to memory.
setFlagsFromString("--experimental-wasm-branch-hinting");
// Multiply-add as one instruction, which V8 has by itself from Node 22 on.
if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");
if (!OPTIMISES_BY_ITSELF) setFlagsFromString("--no-wasm-tier-up");

yieldToOtherThreads();

const { libraryRegions, libraryMaximum } = workerData as CompileThreadData;
const library = new RegionLibrary(libraryMaximum);
let nextId = 1;
const functions = Object.fromEntries(REGION_IMPORTS.map(({ name }) => [name, () => {}]));
/** Nobody gives it any. */
const more = (left: number): number => left;
const imports = { env: { memory: new WebAssembly.Memory({ initial: SCRATCH_PAGES }), ...functions, more } };

assert(parentPort !== null, "the compile thread has a parent");
parentPort.on("message", ({ port }: CompileConnection) => port.on("message", (question: CompileQuestion) => answer(port, question)));

function answer(port: MessagePort, question: CompileQuestion): void {
  switch (question.kind) {
    case "request": {
      const startedMs = performance.now();
      const unknown = question.pages.flatMap(regionSources).filter((source) => !offerKnown(port, source));
      const compiled = unknown.length === 0 ? null : compileRegions(unknown, question.machine, nextId);
      nextId += unknown.length;
      if (compiled !== null) {
        callEach(compiled);
        keep(compiled);
      }
      const compileMs = performance.now() - startedMs;
      port.postMessage({ compiled, answers: true, compileMs } satisfies CompileAnswer);
      return;
    }
    case "optimise": {
      const startedMs = performance.now();
      const compiled = optimised(question.region, question.machine);
      const compileMs = compiled.known ? 0 : performance.now() - startedMs;
      port.postMessage({ compiled, answers: false, compileMs } satisfies CompileAnswer);
      return;
    }
    case "lookUp":
      for (const hash of question.hashes) {
        for (const compiled of library.find(hash)) port.postMessage({ compiled, answers: false, compileMs: 0 } satisfies CompileAnswer);
      }
      return;
    default:
      unreachable(question);
  }
}

/** Sends what was made of the same page and begins where this source is to. @returns whether that is all that it asks for */
function offerKnown(port: MessagePort, source: RegionSource): boolean {
  const missing = new Set(source.seeds);
  for (const compiled of library.find(hashPage(source.page))) {
    const entries = compiled.regions.flatMap(({ shape }) => shape.entries).filter((entry) => missing.has(entry));
    if (entries.length === 0) continue;
    for (const entry of entries) missing.delete(entry);
    port.postMessage({ compiled, answers: false, compileMs: 0 } satisfies CompileAnswer);
  }
  return missing.size === 0;
}

function optimised(region: CompiledRegion, machine: MachineAddresses): CompiledRegions {
  const known = library
    .find(hashPage(region.source.page))
    .find(({ regions }) => regions.some(({ id, optimised }) => optimised && id === region.id));
  if (known !== undefined) return known;
  const compiled = compileAgain(region, machine);
  // V8's flags are the process's: what another thread calls first meanwhile is optimised as well, and looks at no stack either.
  setFlagsFromString("--no-liftoff");
  setFlagsFromString("--no-wasm-stack-checks");
  callEach(compiled);
  setFlagsFromString("--wasm-stack-checks");
  setFlagsFromString("--liftoff");
  keep(compiled);
  return compiled;
}

function keep(compiled: CompiledRegions): void {
  library.add(compiled);
  Atomics.store(libraryRegions, 0, library.regions);
}

function callEach({ module, regions }: CompiledRegions): void {
  const { exports } = new WebAssembly.Instance(module, imports);
  for (const { name } of regions) (exports[name] as (...words: (number | bigint)[]) => number)(0n, 0, 0, 0, 0n);
}
