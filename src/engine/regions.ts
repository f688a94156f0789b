/**
 * One machine's translated code: what runs often is found by samples, compiled by somebody else, and installed between two runs.
 *
 *     sampled, or landed at --some--> looked up --more--> requested --answered, bytes still the same--> installed --its page is written--> dropped
 *
 * None of it is state: whether, when and in which order regions are installed is never seen by the guest.
 */
import { DISPATCH, DISPATCHER_EXPORT, type MACHINE_FUNCTIONS, type MachineAddresses, NO_ENTRY, type PageSource } from "../jit/index.ts";
import type { MachineAbi } from "./machine-abi.ts";
import { type CompiledRegion, hashPage, PAGE_BYTES, type RegionCompiler } from "./region-compiler.ts";
import { RegionLinks } from "./region-links.ts";

export interface RegionOptions {
  readonly compiler: RegionCompiler;
  /** Interpreted instructions between two samples of what runs. */
  readonly sampleInterval?: number;
  /** Samples of an address that make it worth a region. */
  readonly threshold?: number;
  /** So many times that translated code, or a trap, comes to a place without a region make it worth one. */
  readonly landings?: number;
  /** Instructions that a region retires, for each that it was made from, before it is compiled for speed. */
  readonly optimiseAfter?: number;
  /** Looks between two for where regions go by the dispatcher and could without. */
  readonly linkLooks?: number;
  /** Regions installed at once; the oldest make room. At most what the machine numbers. */
  readonly maximum?: number;
}

/** Figures for people, never for the guest. */
export interface RegionStatistics {
  /** Installed now. */
  readonly regions: number;
  /** Installed over all time, and the guest instructions that they were made from. */
  readonly installed: number;
  readonly translated: number;
  /** Of the installed ones, those that had been compiled before: for this machine, or for another one of the same compiler. */
  readonly shared: number;
  /** Pages whose regions were asked for. */
  readonly requested: number;
  /** Answers that were of no use: the page had changed meanwhile, or was not decoded any more. */
  readonly late: number;
  /** Regions that made room for others. */
  readonly evicted: number;
  /** Regions that were replaced by the same ones, compiled for speed. */
  readonly optimised: number;
  /** How often regions were left: for code elsewhere, for an instruction that is interpreted, for a look at interrupts. */
  readonly exits: { readonly jump: number; readonly interpret: number; readonly lookAgain: number };
  /** Guest instructions retired in regions. */
  readonly retired: number;
}

const SAMPLE_INTERVAL = 2048;
/** Some ms of the guest's time: code that runs less costs more to compile than it gains, and other code its place in the processor's caches. */
const THRESHOLD = 128;
/** Some 160 us of the guest's time. */
const LANDINGS = 2048;
/** Looks within which they count, some 50 M instructions: a timer interrupts a loop anywhere, and each entry makes it slower. */
const LANDINGS_LOOKS = 512;
/** Compiling for speed takes some 100 us an instruction, on another thread, and what runs much twice as fast: measured, less costs as much as more. */
const OPTIMISE_AFTER = 8_000;
/** In one look, some 50 us each: a guest may have the same code in thousands of pages, and its thread has others to answer meanwhile. */
const INSTALLATIONS_MAX = 16;
/** Looks between two at how much each region has run. */
const HEAT_LOOKS = 32;
/** Some 12 ms: a region has its links within 50. */
const LINK_LOOKS = 128;
/** Looks between two for regions that were dropped: what they hold others may want. */
const FORGET_LOOKS = 64;
/** What is known already is worth this fraction of the samples. */
const KNOWN_THRESHOLD_DIVISOR = 32;
/** Seeds that one region is made from. */
const SEEDS_MAX = 64;
/** Entries of older regions that a new one of the same page has too. */
const ENTRIES_MAX = 256;
/** Pages whose regions are compiled together; what runs much waits for them before it is its turn to be optimised. */
const BATCH_MAX = 4;
/** Regions that are being optimised for this machine. */
const OPTIMISING_MAX = 4;
/** Addresses counted; beyond it counting begins anew. */
const COUNTED_MAX = 20_000;
const TLB_ENTRY = 16;
const TLB_EMPTY = 0xffff_ffff_ffff_ffffn;
/** Code that is rewritten all the time is worth less and less: each request of an address makes the next one so many bits dearer. */
const ASKED_AGAIN_BITS = 3;
const ASKED_AGAIN_BITS_MAX = 20;
/** So many requests of one page make the next ones a bit dearer. */
const REQUESTS_OF_PAGE = 4;

const NO_PAGES: ReadonlySet<number> = new Set();

interface HeldRegion {
  readonly region: CompiledRegion;
  /** Was asked for. */
  optimising: boolean;
}

export class Regions {
  private readonly machine: MachineAbi;
  private readonly memory: WebAssembly.Memory;
  private readonly table: WebAssembly.Table;
  private readonly compiler: RegionCompiler;
  private readonly threshold: number;
  private readonly optimiseAfter: number;
  private readonly linkLooks: number;
  private readonly maximum: number;
  private readonly addresses: MachineAddresses;
  /** What a decode entry begins with where a region is entered. */
  private readonly enterOp: number;
  private readonly imports: WebAssembly.Imports;
  /** Samples by linear address. */
  private readonly counts = new Map<number, number>();
  /** Seeds by linear page, to be requested. */
  private readonly wanted = new Map<number, number[]>();
  /** How often each linear address was requested. */
  private readonly asked = new Map<number, number>();
  /** How often each linear page was requested with the content that it has, by the hash of that. */
  private readonly askedOfPage = new Map<number, { readonly hash: number; readonly times: number }>();
  /** Linear pages that were asked for, by hash of their bytes then: where answers go. */
  private readonly askers = new Map<number, Set<number>>();
  /** Hash of each linear page's bytes when it was looked up. */
  private readonly lookedUp = new Map<number, number>();
  private readonly instances = new WeakMap<WebAssembly.Module, WebAssembly.Instance>();
  private readonly samples: Uint32Array;
  private readonly owners: Uint32Array;
  /** Instructions that each number's region has retired, modulo 2^32. */
  private readonly heat: Uint32Array;
  /** By number, what has a function in the table: regions, and regions that were dropped since it was last looked. */
  private readonly numbers = new Map<number, HeldRegion>();
  private readonly links = new RegionLinks();
  private readonly installing = this.installations();
  private looks = 0;
  private nextNumber = 1;
  private installed = 0;
  private translated = 0;
  private shared = 0;
  private requested = 0;
  private late = 0;
  private evicted = 0;
  private optimised = 0;

  constructor(machine: MachineAbi, memory: WebAssembly.Memory, table: WebAssembly.Table, options: RegionOptions) {
    this.machine = machine;
    this.memory = memory;
    this.table = table;
    this.compiler = options.compiler;
    this.threshold = options.threshold ?? THRESHOLD;
    this.optimiseAfter = options.optimiseAfter ?? OPTIMISE_AFTER;
    this.linkLooks = options.linkLooks ?? LINK_LOOKS;
    this.maximum = Math.min(options.maximum ?? Number.POSITIVE_INFINITY, machine.regionNumbers() - 1);
    const address = (which: number): number => machine.regionAddress(which);
    this.addresses = {
      registers: address(0),
      programCounter: address(1),
      mstatus: address(2),
      fcsr: address(3),
      readTlb: address(4),
      writeTlb: address(5),
      execTlb: address(6),
      execSet: address(7),
      heat: address(8),
      jumps: address(9),
      outcome: address(10),
      tlbSlots: machine.regionTlbSlots(),
    };
    this.enterOp = machine.regionEnterOp();
    const functions: Record<keyof typeof MACHINE_FUNCTIONS, unknown> = {
      load: machine.regionLoad,
      store: machine.regionStore,
      atomic: machine.regionAtomic,
      csr: machine.regionCsr,
      float: machine.regionFloat,
      mulh: machine.regionMulh,
      mulhsu: machine.regionMulhsu,
      mulhu: machine.regionMulhu,
      dataSet: machine.regionDataSet,
      more: machine.regionMore,
    };
    const dispatcher = new WebAssembly.Instance(options.compiler.dispatcher, { env: { memory, table } });
    this.imports = { env: { memory, ...functions, [DISPATCH.name]: dispatcher.exports[DISPATCHER_EXPORT] } };
    this.samples = new Uint32Array(memory.buffer, machine.regionSamples(), machine.regionSamplesMax() + 1);
    this.owners = new Uint32Array(memory.buffer, machine.regionOwners(), machine.regionNumbers());
    this.heat = new Uint32Array(memory.buffer, machine.regionHeat(), machine.regionNumbers());
    table.grow(machine.regionNumbers() - table.length);
    machine.setSampling(options.sampleInterval ?? SAMPLE_INTERVAL, options.landings ?? LANDINGS);
  }

  /** Figures of all time go on from those of the machine that this one becomes. */
  goOnFrom(before: Regions): void {
    const { installed, translated, shared, requested, late, evicted, optimised } = before;
    Object.assign(this, { installed, translated, shared, requested, late, evicted, optimised });
    this.figures().set(before.figures());
  }

  /** In the machine's memory: exits by reason, then the instructions retired in regions. */
  private figures(): BigUint64Array {
    return new BigUint64Array(this.memory.buffer, this.machine.regionFigures(), 4);
  }

  statistics(): RegionStatistics {
    const { installed, translated, shared, requested, late, evicted, optimised } = this;
    const [jump = 0, interpret = 0, lookAgain = 0, retired = 0] = [...this.figures()].map(Number);
    const regions = this.owners.reduce((sum, owner) => sum + (owner === 0 ? 0 : 1), 0);
    return { regions, installed, translated, shared, requested, late, evicted, optimised, exits: { jump, interpret, lookAgain }, retired };
  }

  /** Between two runs: installs what was compiled, asks for what runs often. */
  look(): void {
    for (let steps = 0; steps < INSTALLATIONS_MAX && this.installing.next().value; steps++);
    const count = this.samples[0] ?? 0;
    if (count > 0) {
      for (let i = 1; i <= count; i++) {
        const sample = this.samples[i] ?? 0;
        const landed = sample % 2;
        this.count(sample - landed, landed === 1 ? this.threshold : 1);
      }
      this.samples[0] = 0;
    }
    if (this.wanted.size > 0 && this.compiler.outstanding === 0) this.request();
    if (++this.looks % HEAT_LOOKS === 0) this.optimiseHottest();
    if (this.looks % this.linkLooks === 0) this.links.fill((number) => this.linkable(number));
    if (this.looks % FORGET_LOOKS === 0) this.forgetDropped();
    if (this.looks % LANDINGS_LOOKS === 0) this.machine.forgetLandings();
  }

  /** Few at a time: the hottest first, and nothing that is cold by the time it would be its turn. */
  private optimiseHottest(): void {
    let room = OPTIMISING_MAX;
    const hot: { readonly heat: number; readonly held: HeldRegion }[] = [];
    for (const [number, held] of this.numbers) {
      if (held.optimising) {
        if (--room === 0) return;
        continue;
      }
      const heat = (this.heat[number] ?? 0) / held.region.shape.instructions;
      if (held.region.optimised || heat < this.optimiseAfter || this.owners[number] === 0) continue;
      hot.push({ heat, held });
    }
    hot.sort((a, b) => b.heat - a.heat);
    for (const { held } of hot.slice(0, room)) {
      held.optimising = true;
      this.compiler.optimise(held.region, this.addresses);
    }
  }

  /** The function of a region that lives and was compiled for speed: others are to be replaced soon. */
  private linkable(number: number): unknown {
    const held = this.numbers.get(number);
    if (held === undefined || !held.region.optimised || this.owners[number] === 0) return null;
    return this.table.get(number);
  }

  private count(address: number, samples: number): void {
    if (this.counts.size >= COUNTED_MAX) this.counts.clear();
    const before = this.counts.get(address) ?? 0;
    const count = before + samples;
    this.counts.set(address, count);
    const page = Math.floor(address / PAGE_BYTES);
    const known = Math.ceil(this.threshold / KNOWN_THRESHOLD_DIVISOR);
    if (before < known && count >= known) this.lookUp(page);
    const asked = this.asked.get(address) ?? 0;
    const ofPage = this.askedOfPage.get(page)?.times ?? 0;
    const bits = ASKED_AGAIN_BITS * asked + Math.floor(ofPage / REQUESTS_OF_PAGE);
    if (count < this.threshold * 2 ** Math.min(bits, ASKED_AGAIN_BITS_MAX)) return;
    this.counts.delete(address);
    if (this.asked.size >= COUNTED_MAX) this.asked.clear();
    this.asked.set(address, asked + 1);
    const seeds = this.wanted.get(page);
    if (seeds === undefined) this.wanted.set(page, [address % PAGE_BYTES]);
    else if (seeds.length < SEEDS_MAX && !seeds.includes(address % PAGE_BYTES)) seeds.push(address % PAGE_BYTES);
  }

  private lookUp(page: number): void {
    const hash = this.note(page, this.pageBytes(page));
    if (this.askedOfPage.get(page)?.hash !== hash) this.askedOfPage.delete(page);
    if (this.lookedUp.get(page) === hash) return;
    if (this.lookedUp.size >= COUNTED_MAX) this.lookedUp.clear();
    this.lookedUp.set(page, hash);
    this.compiler.lookUp([hash]);
  }

  private request(): void {
    const pages: PageSource[] = [];
    const delta = this.commonAddend();
    for (const [page, seeds] of [...this.wanted].slice(0, BATCH_MAX)) {
      this.wanted.delete(page);
      const bytes = this.pageBytes(page).slice();
      const { executed, entries } = this.decoded(page, seeds);
      const hash = this.note(page, bytes);
      const before = this.askedOfPage.get(page);
      const times = before?.hash === hash ? before.times + 1 : 1;
      if (this.askedOfPage.size >= COUNTED_MAX) this.askedOfPage.clear();
      this.askedOfPage.set(page, { hash, times });
      // Who comes back for more of a page takes all of it that was executed, rather than one function after the other.
      pages.push({ page: bytes, executed, seeds, entries: entries.slice(0, ENTRIES_MAX), delta, all: times > 1 });
    }
    this.requested += pages.length;
    this.compiler.request(pages, this.addresses);
  }

  /** The addend of at least half of what the read TLB holds for the present mode; null: none has so many. */
  private commonAddend(): number | null {
    const entries = new DataView(
      this.memory.buffer,
      this.addresses.readTlb + this.machine.regionDataSet(),
      this.addresses.tlbSlots + TLB_ENTRY,
    );
    const counts = new Map<number, number>();
    let valid = 0;
    for (let at = 0; at < entries.byteLength; at += TLB_ENTRY) {
      if (entries.getBigUint64(at, true) === TLB_EMPTY) continue;
      const addend = entries.getInt32(at + 8, true);
      counts.set(addend, (counts.get(addend) ?? 0) + 1);
      valid++;
    }
    for (const [addend, count] of counts) if (count * 2 >= valid) return addend;
    return null;
  }

  /** Answers about such a page concern this one. @returns the page's hash */
  private note(page: number, bytes: Uint8Array): number {
    const hash = hashPage(bytes);
    if (this.askers.size >= COUNTED_MAX) this.askers.clear();
    const pages = this.askers.get(hash);
    if (pages === undefined) this.askers.set(hash, new Set([page]));
    else pages.add(page);
    return hash;
  }

  /**
   * What the machine knows of a page's code: which halfwords hold instructions that were executed (the seeds were), and where its
   * regions are entered. A new region includes these, so that the guest does not go back and forth between an old one, which was
   * made when less had been executed, and the new one.
   */
  private decoded(page: number, seeds: readonly number[]): { readonly executed: Uint8Array; readonly entries: readonly number[] } {
    const executed = new Uint8Array(PAGE_BYTES / 2);
    const entries: number[] = [];
    const table = this.machine.decodeTable(page) >>> 0; // behind 2 GiB of RAM it comes as a negative number
    if (table !== 0) {
      const ops = new Uint8Array(this.memory.buffer, table, PAGE_BYTES * 4);
      for (let half = 0; half < executed.length; half++) {
        const op = ops[half * 8] ?? 0;
        executed[half] = op;
        if (op === this.enterOp) entries.push(half * 2);
      }
    }
    for (const seed of seeds) executed[seed >> 1] = 1;
    return { executed, entries };
  }

  private pageBytes(page: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, page * PAGE_BYTES, PAGE_BYTES);
  }

  // --- installing -----------------------------------------------------------------------------------------------------

  /** Installs what has been answered, a region in a page at each step; false: there is nothing. */
  private *installations(): Generator<boolean, never> {
    for (;;) {
      const answer = this.compiler.take();
      if (answer === null) {
        yield false;
        continue;
      }
      const { module, known, regions } = answer;
      for (const region of regions) {
        const replaced = region.optimised ? this.replace(module, region) : NO_PAGES;
        for (const page of [...(this.askers.get(hashPage(region.source.page)) ?? [])]) {
          if (replaced.has(page)) continue;
          if (!this.install(module, region, page)) this.late++;
          else if (known) this.shared++;
          yield true;
        }
      }
    }
  }

  /**
   * Goes on with the same region, compiled for speed; one that was dropped meanwhile is not entered any more.
   *
   * @returns the pages whose region it is
   */
  private replace(module: WebAssembly.Module, region: CompiledRegion): ReadonlySet<number> {
    const pages = new Set<number>();
    for (const [number, held] of this.numbers) {
      if (held.region.id !== region.id || held.region.optimised) continue;
      this.assign(number, module, region);
      this.optimised++;
      pages.add(this.owners[number] ?? 0);
    }
    return pages;
  }

  /** @returns false where the page's bytes are others, or all of it can be entered already, in a region that is no older */
  private install(module: WebAssembly.Module, region: CompiledRegion, page: number): boolean {
    const { source, shape } = region;
    const bytes = this.pageBytes(page);
    for (const [start, end] of shape.covered) {
      for (let at = start; at < end; at++) if (bytes[at] !== source.page[at]) return false;
    }
    const entered = new Set(this.decoded(page, []).entries);
    if (shape.entries.every((entry) => entry === NO_ENTRY || entered.has(entry))) return false;
    const number = this.freeNumber();
    if (number === null) return false;
    const exchange = new Uint16Array(this.memory.buffer, this.machine.exchange(), shape.entries.length + 2 * shape.covered.length);
    exchange.set(shape.entries);
    exchange.set(shape.covered.flat(), shape.entries.length);
    const known = this.machine.installRegion(number, page, shape.entries.length, shape.covered.length) !== 0;
    if (known) {
      this.assign(number, module, region);
    }
    // It may have taken the place of one that was dropped, or none.
    this.compiler.reserve(this.numbers.size);
    if (!known) return false;
    this.nextNumber = number + 1;
    this.installed++;
    this.translated += shape.instructions;
    return true;
  }

  private assign(number: number, module: WebAssembly.Module, region: CompiledRegion): void {
    const instance = this.instance(module);
    this.links.assign(number, instance);
    this.table.set(number, instance.exports[region.name]);
    this.numbers.set(number, { region, optimising: false });
  }

  private instance(module: WebAssembly.Module): WebAssembly.Instance {
    let instance = this.instances.get(module);
    if (instance === undefined) {
      instance = new WebAssembly.Instance(module, this.imports);
      this.instances.set(module, instance);
    }
    return instance;
  }

  /** A number that no region has; the one that is next in turn makes room where there is none. Null: not even then. */
  private freeNumber(): number | null {
    const { owners, maximum } = this;
    const hasRoom = (): boolean => this.numbers.size < maximum && this.compiler.reserve(this.numbers.size + 1);
    if (!hasRoom()) {
      this.forgetDropped();
      if (!hasRoom()) {
        this.evict();
        if (!hasRoom()) return null;
      }
    }
    for (let tried = 0; tried < maximum; tried++) {
      const number = ((this.nextNumber - 1 + tried) % maximum) + 1;
      if (owners[number] === 0) return number;
    }
    return null;
  }

  /** Drops the regions of the page whose turn it is. */
  private evict(): void {
    const { owners, maximum } = this;
    for (let tried = 0; tried < maximum; tried++) {
      const owner = owners[((this.nextNumber - 1 + tried) % maximum) + 1] ?? 0;
      if (owner === 0) continue;
      this.machine.dropRegions(owner);
      this.evicted++;
      break;
    }
    this.forgetDropped();
  }

  /** Lets the functions of dropped regions go, and their modules with the last one; others may hold as many more. */
  private forgetDropped(): void {
    const before = this.numbers.size;
    for (const number of this.numbers.keys()) {
      if (this.owners[number] !== 0) continue;
      this.table.set(number, null);
      this.links.release(number);
      this.numbers.delete(number);
    }
    if (this.numbers.size < before) this.compiler.reserve(this.numbers.size);
  }
}
