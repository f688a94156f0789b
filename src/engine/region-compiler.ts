/**
 * Who makes WebAssembly modules of guest code: at once, or on another thread. Its answers may come at any time, or never, for the
 * guest cannot tell.
 */
import {
  dispatcherBytes,
  type Host,
  type MachineAddresses,
  type PageSource,
  type RegionShape,
  type RegionSource,
  regionSources,
  translateModule,
} from "../jit/index.ts";
import { thisHost } from "./host.ts";

/** Regions, all from one module. */
export interface CompiledRegions {
  /** Compiled before, for this machine or for another one; else because of what is answered. */
  readonly known: boolean;
  readonly module: WebAssembly.Module;
  readonly regions: readonly CompiledRegion[];
}

export interface CompiledRegion {
  /** The same of a region that was compiled anew for speed, and of no other of this compiler. */
  readonly id: number;
  /** Compiled as well as the host can, which takes its time; else as fast as it can. */
  readonly optimised: boolean;
  /** The function's name among the module's exports. */
  readonly name: string;
  readonly source: RegionSource;
  readonly shape: RegionShape;
}

export interface RegionCompiler {
  /** `dispatcherModule()`: compiled as well as the host can, for it is on every way from one region to another. */
  readonly dispatcher: WebAssembly.Module;
  /** Asks for regions to be made of pages. */
  request(pages: readonly PageSource[], machine: MachineAddresses): void;
  /** Asks for a region that runs much to be compiled for speed. */
  optimise(region: CompiledRegion, machine: MachineAddresses): void;
  /** Asks for the regions that are known already of pages with these hashes (`hashPage`). */
  lookUp(hashes: readonly number[]): void;
  /** What has been answered and not been taken yet; null: nothing. */
  take(): CompiledRegions | null;
  /** Requests without an answer so far. */
  readonly outstanding: number;
  /** The machine is to hold so many regions from now on. @returns false where the process has no room for more: it holds as many as before */
  reserve(regions: number): boolean;
}

/** Of a thread. */
let dispatcher: WebAssembly.Module | undefined;

/** What regions of any machine reach each other by. */
export function dispatcherModule(): WebAssembly.Module {
  dispatcher ??= new WebAssembly.Module(dispatcherBytes());
  return dispatcher;
}

/** Bytes in a page of guest memory. */
export const PAGE_BYTES = 4096;

/** 32 bits of a page's content: where to look, since bytes are compared before code is used. */
export function hashPage(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, PAGE_BYTES / 4);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) {
    hash = Math.imul(hash ^ (words[i] ?? 0), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

/** Translates and compiles. Regions in which nothing can be executed are left out. @param firstId they are numbered from here on */
export function compileRegions(
  sources: readonly RegionSource[],
  machine: MachineAddresses,
  firstId: number,
  host: Host = thisHost(),
): CompiledRegions {
  return compile(sources, machine, firstId, host, false);
}

/** The same region in a module of its own, as it is to be compiled for speed. */
export function compileAgain({ id, source }: CompiledRegion, machine: MachineAddresses, host: Host = thisHost()): CompiledRegions {
  return compile([source], machine, id, host, true);
}

/** @param optimised it is not asked any more how much they run */
function compile(
  sources: readonly RegionSource[],
  machine: MachineAddresses,
  firstId: number,
  host: Host,
  optimised: boolean,
): CompiledRegions {
  const { bytes, regions } = translateModule(sources, machine, host, { counted: !optimised });
  return {
    known: false,
    module: new WebAssembly.Module(bytes),
    regions: regions.flatMap((shape, index) => {
      const source = sources[index];
      if (source === undefined || shape.instructions === 0) return [];
      return [{ id: firstId + index, optimised, name: `f${index}`, source, shape }];
    }),
  };
}

/** Regions that were compiled, by the content of the page that they were made from; the oldest are forgotten. */
export class RegionLibrary {
  private readonly byHash = new Map<number, CompiledRegions[]>();
  private size = 0;

  constructor(private readonly maximum = 4096) {}

  add(compiled: CompiledRegions): void {
    for (const region of compiled.regions) {
      const hash = hashPage(region.source.page);
      const before = this.byHash.get(hash) ?? [];
      // A later region of a page has what the earlier ones had, as a rule.
      const known = before.filter((older) => !older.regions.every(({ shape }) => includes(region.shape.entries, shape.entries)));
      this.size += known.length - before.length;
      known.push({ known: true, module: compiled.module, regions: [region] });
      // Behind the others: what is used least lately comes first.
      this.byHash.delete(hash);
      this.byHash.set(hash, known);
      this.size++;
    }
    for (const [hash, known] of this.byHash) {
      if (this.size <= this.maximum) break;
      this.byHash.delete(hash);
      this.size -= known.length;
    }
  }

  get regions(): number {
    return this.size;
  }

  find(hash: number): readonly CompiledRegions[] {
    return this.byHash.get(hash) ?? [];
  }
}

function includes(all: readonly number[], some: readonly number[]): boolean {
  return some.every((entry) => all.includes(entry));
}

/** Compiles at once, on the thread that asks: for a machine that runs by itself. */
export class ImmediateCompiler implements RegionCompiler {
  readonly dispatcher = dispatcherModule();
  private readonly answers: CompiledRegions[] = [];
  private readonly library = new RegionLibrary();
  private nextId = 1;
  readonly outstanding = 0;

  constructor(private readonly host: Host = thisHost()) {}

  request(pages: readonly PageSource[], machine: MachineAddresses): void {
    const sources = pages.flatMap(regionSources);
    if (sources.length === 0) return;
    this.answer(compileRegions(sources, machine, this.nextId, this.host));
    this.nextId += sources.length;
  }

  /** The host compiles for speed what runs much by itself; so this is only another module. */
  optimise(region: CompiledRegion, machine: MachineAddresses): void {
    this.answer(compileAgain(region, machine, this.host));
  }

  private answer(compiled: CompiledRegions): void {
    this.library.add(compiled);
    this.answers.push(compiled);
  }

  lookUp(hashes: readonly number[]): void {
    for (const hash of hashes) this.answers.push(...this.library.find(hash));
  }

  take(): CompiledRegions | null {
    return this.answers.shift() ?? null;
  }

  reserve(): boolean {
    return true;
  }
}
