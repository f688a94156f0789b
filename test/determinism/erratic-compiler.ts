/**
 * A compiler whose answers come when chance has it: looks later than they were asked for, in another order, not at all, again
 * when they are old; and a process that now and then has no room for another region, so that regions make room at random moments. All of that
 * a compile thread may do.
 */
import type { Prng } from "../../src/base/prng.ts";
import {
  type CompiledRegion,
  type CompiledRegions,
  compileAgain,
  compileRegions,
  dispatcherModule,
  type RegionCompiler,
  RegionLibrary,
} from "../../src/engine/region-compiler.ts";
import { type MachineAddresses, type PageSource, regionSources } from "../../src/jit/index.ts";

/** Held answers stay for so many looks, on average; how many is drawn anew at each. */
const PATIENCE_MAX = 16;
/** Of what was taken so much is kept, to come again. */
const KEPT_MAX = 40;
/** Once in so many times. */
const AGAIN = 8;
const NO_ROOM = 8;

interface Held {
  readonly compiled: CompiledRegions;
  /** It says that a request is answered: its regions came by themselves. */
  readonly answers: boolean;
}

export class ErraticCompiler implements RegionCompiler {
  readonly dispatcher = dispatcherModule();
  outstanding = 0;
  private readonly library = new RegionLibrary(200);
  private readonly held: Held[] = [];
  private readonly kept: CompiledRegions[] = [];
  private patience = 1;
  private nextId = 1;

  constructor(private readonly prng: Prng) {}

  request(pages: readonly PageSource[], machine: MachineAddresses): void {
    const sources = pages.flatMap(regionSources);
    const compiled = compileRegions(sources, machine, this.nextId);
    this.nextId += sources.length;
    this.library.add(compiled);
    // Each region by itself; a tenth never comes.
    for (const region of compiled.regions) if (!this.once(10)) this.hold({ ...compiled, regions: [region] }, false);
    this.hold({ ...compiled, regions: [] }, true);
    this.outstanding++;
  }

  optimise(region: CompiledRegion, machine: MachineAddresses): void {
    const compiled = compileAgain(region, machine);
    this.library.add(compiled);
    this.hold(compiled, false);
  }

  lookUp(hashes: readonly number[]): void {
    for (const hash of hashes) for (const compiled of this.library.find(hash)) this.hold(compiled, false);
  }

  private hold(compiled: CompiledRegions, answers: boolean): void {
    this.held.push({ compiled, answers });
  }

  take(): CompiledRegions | null {
    if (this.kept.length > 0 && this.once(AGAIN * this.patience)) return this.kept[this.prng.between(0, this.kept.length - 1)] ?? null;
    if (this.held.length === 0) return null;
    if (!this.once(this.patience)) {
      this.patience = this.prng.between(1, PATIENCE_MAX);
      return null;
    }
    const [held] = this.held.splice(this.prng.between(0, this.held.length - 1), 1);
    if (held === undefined) return null;
    if (held.answers) this.outstanding--;
    this.kept.push(held.compiled);
    if (this.kept.length > KEPT_MAX) this.kept.shift();
    return held.compiled;
  }

  reserve(): boolean {
    return !this.once(NO_ROOM);
  }

  private once(inSoMany: number): boolean {
    return this.prng.between(1, inSoMany) === 1;
  }
}
