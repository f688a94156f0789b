/**
 * Translates regions of guest code into WebAssembly. Bytes to bytes: nothing here knows a machine that runs.
 *
 * Guest registers are locals in loops, and in memory between them (register-locals.ts). The control flow is structured by the
 * dominator tree (Ramsey, "Beyond Relooper", ICFP 2022) under one dispatcher:
 *
 *     block $exit
 *       block $jump
 *         loop $dispatch                       index says which entry
 *           block … block  br_table …  end     each entry's block, and what it dominates
 *         end
 *       end $jump
 *       goes on in the region that has the program counter as an entry, if there is one
 *     end $exit
 *
 * Every block first takes its instructions off `left`, and leaves the region if there are too few: the interpreter executes the
 * rest, to the exact instant. At an entry it asks the machine for more first: that gives little at a time, since between two times
 * it looks whether the run is to stop, and every way round leads over an entry. An instruction that cannot be finished gives back
 * its own and the following ones.
 */
import { assert, unreachable } from "../base/assert.ts";
import { emitAluImmediate, emitAluRegister, emitUnary } from "./arithmetic.ts";
import { type Block, type ControlFlow, findControlFlow, PAGE_BYTES, successors } from "./control-flow.ts";
import { emitFloat, F0, floatRegisters, RESULT_BOUND } from "./float.ts";
import type { Host } from "./fused-multiply-add.ts";
import type { Condition, Instruction } from "./instruction.ts";
import { type KeptPage, KeptPages } from "./kept-pages.ts";
import {
  DISPATCH,
  ENTRY_NUMBER_SHIFT,
  EXIT_INTERPRET,
  EXIT_JUMP,
  EXIT_LOOK_AGAIN,
  EXIT_REASON_SHIFT,
  LINK_ENTRIES,
  LINK_MISSED,
  LINK_TABLE,
  MACHINE_FUNCTIONS,
  type MachineAddresses,
  REGION_IMPORTS,
  REGION_PARAMETERS,
  REGION_TYPE,
} from "./machine-interface.ts";
import { type Access, type AccessContext, HostAddresses, type LoadKind, MemoryAccesses, type Stored } from "./memory-access.ts";
import { type LoopRegisters, loopRegisters, RegisterLocals } from "./register-locals.ts";
import { F32, F64, FunctionBody, I32, I64, type Label, moduleBytes } from "./wasm-builder.ts";

/** What is to become a region: a page's content, and where the guest enters it often. */
export interface RegionSource {
  /** 4096 bytes. */
  readonly page: Uint8Array;
  /** 2048 bytes, one a halfword: 0 where no instruction was executed yet, so that what never runs is not translated. */
  readonly executed: Uint8Array;
  readonly seeds: readonly number[];
  /**
   * What makes host addresses of the low half of virtual ones in most of the memory that the guest uses there; null: nothing does.
   * The region is right for any mapping, and fastest for this one.
   */
  readonly delta: number | null;
}

/** What a region is to the machine. */
export interface RegionShape {
  /** Offsets in the page at which it can be entered; entry N has index N. NO_ENTRY: nothing would be gained. */
  readonly entries: readonly number[];
  /** Ranges [start, end) of the page's bytes that it was made from, ascending. */
  readonly covered: readonly (readonly [start: number, end: number])[];
  readonly instructions: number;
}

/** Of an entry that only the region itself jumps to. */
export const NO_ENTRY = 0xffff;

export interface TranslatedModule {
  readonly bytes: Uint8Array;
  /** `regions[N]` is the module's export `fN`. */
  readonly regions: readonly RegionShape[];
}

/**
 * Translates regions into one module. Regions without an instruction to execute are left out: their shape has no entries.
 *
 * @param host who will run it
 * @param counted the regions count in `MachineAddresses.heat` what they retire
 * @param names the module says what its functions and locals are called, for people who read it
 */
export function translateModule(
  sources: readonly RegionSource[],
  machine: MachineAddresses,
  host: Host,
  { counted, names = false }: { readonly counted: boolean; readonly names?: boolean },
): TranslatedModule {
  const translated = sources.map((source) => new RegionTranslator(source, machine, host, counted).translate());
  const parameterNames = names ? REGION_PARAMETERS : undefined;
  const bodies = translated.map(({ body }) => body);
  const links = counted ? {} : { ownTable: { name: LINK_TABLE, length: LINK_ENTRIES.length }, globals: [...LINK_ENTRIES, LINK_MISSED] };
  return {
    bytes: moduleBytes({ imports: REGION_IMPORTS, type: REGION_TYPE, bodies, parameterNames, ...links }),
    regions: translated.map(({ shape }) => shape),
  };
}

/** Parameters of a region's function, by index. */
const BASE = 0;
const TABLE = 1;
const SET = 2;
const LEFT = 3;
const ENTRY = 4;

/** Of a region's module, behind those of the imports. */
const REGION_TYPE_INDEX = REGION_IMPORTS.length;

/** Of a decode entry: all but the index of the region's entry. */
const ENTRY_KEY = 0xffff_ffff_0000_00ffn;
const ENTRY_OPERATION = 0xff;
/** In its low half, which has nothing above the index. */
const ENTRY_INDEX_SHIFT = 16;

const MSTATUS_FS = 0x6000;
const FCSR_NX = 0x01;
const FCSR_FRM = 0xe0;

/** Locals of a region with floating point; what they say is in float.ts. */
interface FloatLocals {
  readonly on: number;
  readonly inexact: number;
  readonly bound: number;
  readonly double: number;
  readonly single: number;
}

function floatLocals(body: FunctionBody): FloatLocals {
  return {
    on: body.local(I32, "on"),
    inexact: body.local(I32, "inexact"),
    bound: body.local(I32, "bound"),
    double: body.local(F64, "double"),
    single: body.local(F32, "single"),
  };
}

type Place = Omit<Access, "position">;

/** A natural loop: what leads back to its head, which dominates all of it. Heads of loops are entries, so that none holds another one. */
interface Loop {
  /** Its first block. */
  readonly head: number;
  readonly registers: LoopRegisters;
  readonly pages: KeptPages;
  /** Where its code goes to leave the region, while it is written: memory gets the registers there. */
  exit: Label | null;
}

const NONE_KNOWN: ReadonlySet<number> = new Set();

class RegionTranslator {
  private readonly flow: ControlFlow;
  private readonly machine: MachineAddresses;
  private readonly host: Host;
  private readonly body = new FunctionBody(REGION_TYPE.parameters.length);
  /** Which entry the dispatcher leads to. */
  private readonly index = this.body.local(I32, "index");
  private readonly address = this.body.local(I64, "address");
  private readonly value = this.body.local(I64, "value");
  /** Program counter at the exit, relative to `base`. */
  private readonly relative = this.body.local(I64, "relative");
  private readonly slot = this.body.local(I32, "slot");
  private readonly outcome = this.body.local(I32, "outcome");
  private readonly reason = this.body.local(I32, "reason");
  private readonly hosts = new HostAddresses(this.body);
  private readonly registers: RegisterLocals;
  private readonly delta: number | null;
  /** Of the block that is written. */
  private accesses: MemoryAccesses;
  private count = 0;
  /** Null where the region has no floating point. */
  private readonly float: FloatLocals | null;
  /** In the block that is written: it is known that floating point is on. */
  private floatChecked = false;
  /** What was left when the region was entered, and more that it was given since; null: nobody asks how much it runs. */
  private readonly given: number | null;
  /** It goes to some regions without the dispatcher. */
  private readonly linked: boolean;
  private exit: Label | null = null;
  private jump: Label | null = null;
  private dispatch: Label | null = null;
  /** Labels of blocks that can be branched to at present: behind a block's end, or a loop's head. */
  private readonly labels = new Map<number, Label>();
  private readonly children: number[][];
  private readonly entryIndex: ReadonlyMap<number, number>;
  /** Blocks that more than one way leads to, so that they have a place of their own. */
  private readonly merges: ReadonlySet<number>;
  /** By each of their blocks. */
  private readonly loops: ReadonlyMap<number, Loop>;
  /** The loop that the code that is written is part of. */
  private loop: Loop | null = null;

  constructor(source: RegionSource, machine: MachineAddresses, host: Host, counted: boolean) {
    this.given = counted ? this.body.local(I32, "given") : null;
    this.linked = !counted;
    this.machine = machine;
    this.host = host;
    this.delta = source.delta;
    this.accesses = new MemoryAccesses([], this.hosts, null, this.delta);
    this.flow = findControlFlow(source.page, source.executed, source.seeds);
    const { blocks, dominators, entries } = this.flow;
    this.entryIndex = new Map(entries.map((block, index) => [block, index]));
    this.children = blocks.map(() => []);
    dominators.forEach((dominator, block) => {
      if (dominator >= 0) this.children[dominator]?.push(block);
    });
    const { merges, loops } = this.shapes();
    this.merges = merges;
    this.loops = loops;
    this.registers = new RegisterLocals(this.body, machine.registers, blocks);
    const usesFloat = blocks.some(({ instructions }) => instructions.some(({ operation }) => operation.kind.startsWith("float")));
    this.float = usesFloat ? floatLocals(this.body) : null;
  }

  translate(): { readonly body: FunctionBody; readonly shape: RegionShape } {
    const { body, flow } = this;
    const { blocks, entries, dominators } = flow;
    this.setIndex(ENTRY);
    if (this.given !== null) body.get(LEFT).set(this.given);
    this.loadFloatState();
    this.exit = body.block();
    this.jump = body.block();
    if (entries.length > 0) {
      this.dispatch = body.loop();
      // What several entries lead to is under the dispatcher too.
      const under = blocks.map((_, index) => index).filter((index) => dominators[index] === -1);
      this.placeAfter(under, () => {
        const targets = entries.map((block) => this.label(block));
        const [fallback] = targets;
        assert(fallback !== undefined, "there is an entry");
        if (targets.length === 1) body.branch(fallback);
        else body.get(this.index).branchTable(targets, fallback);
      });
      body.end();
    }
    body.end();
    this.writeJump();
    body.end();
    this.addHeat();
    body.i32(0).get(BASE).get(this.relative).op(0x7c).memory(0x37, this.machine.programCounter);
    body.get(LEFT).get(this.reason).i32(EXIT_REASON_SHIFT).op(0x74).op(0x72);
    return {
      body,
      shape: {
        entries: entries.map((index) => {
          const block = blocks[index];
          return block === undefined || block.instructions.length === 0 ? NO_ENTRY : block.offset;
        }),
        covered: covered(blocks),
        instructions: blocks.reduce((sum, { instructions }) => sum + instructions.length, 0),
      },
    };
  }

  /** The program counter is `relative`, and no entry of this region. */
  private writeJump(): void {
    const { body, machine, address, slot, value, outcome: table } = this;
    const nowhere = body.block();
    body.get(BASE).get(this.relative).op(0x7c).set(address);
    body.get(TABLE).set(table);
    body.get(this.relative).i64(PAGE_BYTES).op(0x5a).when();
    body.get(address).i64(8).op(0x88).op(0xa7).i32(machine.tlbSlots).op(0x71).i32(0).memory(0x28, machine.execSet).op(0x6a).tee(slot);
    body.memory(0x29, machine.execTlb).get(address).i64(-PAGE_BYTES).op(0x83).op(0x52).when(false);
    body.branch(nowhere).end();
    body
      .get(slot)
      .memory(0x28, machine.execTlb + 8)
      .set(table);
    body.end();
    body.get(table);
    body
      .get(address)
      .op(0xa7)
      .i32(PAGE_BYTES - 1)
      .op(0x71)
      .i32(2)
      .op(0x74)
      .op(0x6a)
      .memory(0x29, 0)
      .tee(value);
    body.get(ENTRY).op(0x85).op(0xa7).i32(ENTRY_OPERATION).op(0x71).when(false);
    body.branch(nowhere).end();
    this.addHeat();
    body.i32(0).i32(0).memory(0x29, machine.jumps).i64(1).op(0x7c).memory(0x37, machine.jumps);
    const parameters = (): FunctionBody => body.get(address).i64(-PAGE_BYTES).op(0x83).get(table).get(SET).get(LEFT).get(value);
    // Which region it is, a branch says that the processor predicts; by the dispatcher it would have to wait for the entry to be loaded.
    if (this.linked) {
      for (const index of LINK_ENTRIES.keys()) {
        body.get(value).globalGet(index).op(0x51).when();
        parameters().i32(index).returnCallIndirect(REGION_TYPE_INDEX);
        body.end();
      }
      body.get(value).globalSet(LINK_ENTRIES.length);
    }
    parameters().returnCall(DISPATCH.index);
    body.end();
    body.i32(EXIT_JUMP).set(this.reason);
  }

  /** Takes the index of the region's entry from a decode entry. */
  private setIndex(entry: number): void {
    this.body.get(entry).op(0xa7).i32(ENTRY_INDEX_SHIFT).op(0x76).set(this.index);
  }

  /** What was retired here since the region was entered. */
  private addHeat(): void {
    const { body, machine } = this;
    if (this.given === null) return;
    body.get(ENTRY).i64(ENTRY_NUMBER_SHIFT).op(0x88).op(0xa7).i32(2).op(0x74).tee(this.slot);
    body.get(this.slot).memory(0x28, machine.heat).get(this.given).op(0x6a).get(LEFT).op(0x6b).memory(0x36, machine.heat);
  }

  // --- structure ------------------------------------------------------------------------------------------------------

  private shapes(): { merges: Set<number>; loops: Map<number, Loop> } {
    const { blocks, entries, dominators, at } = this.flow;
    const forward = new Map<number, number>(entries.map((block) => [block, 2]));
    const predecessors: number[][] = blocks.map(() => []);
    /** Of each head, where it is led back to. */
    const backs = new Map<number, number[]>();
    const dominates = (one: number, other: number): boolean => {
      let block = other;
      while (block > one) block = dominators[block] ?? -1;
      return block === one;
    };
    blocks.forEach((block, index) => {
      for (const next of successors(block.end)) {
        const target = at.get(next);
        if (target === undefined) continue;
        predecessors[target]?.push(index);
        if (target > index) forward.set(target, (forward.get(target) ?? 0) + 1);
        else if (dominates(target, index)) backs.set(target, [...(backs.get(target) ?? []), index]);
      }
    });
    const loops = new Map<number, Loop>();
    const locals = new Map<string, KeptPage>();
    for (const [head, from] of backs) {
      const inside = new Set([head]);
      for (const waiting = [...from]; waiting.length > 0; ) {
        const block = waiting.pop() ?? head;
        if (inside.has(block)) continue;
        inside.add(block);
        waiting.push(...(predecessors[block] ?? []));
      }
      const parts = blocks.filter((_, index) => inside.has(index));
      const loop: Loop = { head, registers: loopRegisters(parts), pages: new KeptPages(this.body, locals, parts), exit: null };
      for (const block of inside) {
        assert(!loops.has(block), "a loop that another one holds has an entry of its own");
        loops.set(block, loop);
      }
    }
    return { merges: new Set([...forward].filter(([, ways]) => ways > 1).map(([block]) => block)), loops };
  }

  private label(block: number): Label {
    const label = this.labels.get(block);
    assert(label !== undefined, "the block's label is open");
    return label;
  }

  /** Writes `first` in front of the blocks, which follow in order, each one's label open until it comes. */
  private placeAfter(blocks: readonly number[], first: () => void): void {
    const last = blocks.at(-1);
    if (last === undefined) {
      first();
      return;
    }
    const label = this.body.block();
    this.labels.set(last, label);
    this.placeAfter(blocks.slice(0, -1), first);
    this.body.end();
    this.labels.delete(last);
    this.place(last, NONE_KNOWN);
  }

  /** Writes a block and all that it dominates. @param known registers whose locals hold what memory does when it is entered */
  private place(block: number, known: ReadonlySet<number>): void {
    const { body, registers } = this;
    const merging = (this.children[block] ?? []).filter((child) => this.merges.has(child));
    const write = (): void => this.placeAfter(merging, () => this.writeBlock(block, known));
    const loop = this.loops.get(block);
    if (loop?.head !== block) {
      write();
      return;
    }
    loop.exit = body.block();
    registers.enterLoop(loop.registers, known);
    loop.pages.forget();
    this.labels.set(block, body.loop());
    write();
    body.end();
    this.labels.delete(block);
    body.end();
    loop.exit = null;
    registers.leaveLoop(loop.registers);
    assert(this.exit !== null, "the exit is open");
    body.branch(this.exit);
  }

  /** Goes on at an offset: in the region where that is part of it, else out of it. */
  private follow(from: number, offset: number): void {
    const target = this.flow.at.get(offset);
    const loop = this.loops.get(from) ?? null;
    if (loop !== null && (target === undefined || this.loops.get(target) !== loop)) this.registers.leaveLoop(loop.registers);
    if (target === undefined) {
      this.body.i64(offset).set(this.relative).branch(this.jumpLabel());
      return;
    }
    const label = this.labels.get(target);
    if (label !== undefined) {
      this.body.branch(label);
      return;
    }
    if (target > from && !this.merges.has(target)) {
      const { current } = this.registers;
      this.place(target, current);
      // There may be another way on from here.
      this.beginBlock(from, current);
      return;
    }
    const index = this.entryIndex.get(target);
    assert(index !== undefined && this.dispatch !== null, "where no label is open, the dispatcher leads to");
    this.body.i32(index).set(this.index).branch(this.dispatch);
  }

  // --- blocks ---------------------------------------------------------------------------------------------------------

  private beginBlock(index: number, known: ReadonlySet<number>): void {
    this.loop = this.loops.get(index) ?? null;
    this.registers.begin(this.loop?.registers ?? null, known);
  }

  private writeBlock(index: number, known: ReadonlySet<number>): void {
    const block = this.flow.blocks[index];
    assert(block !== undefined, "the block exists");
    const { body } = this;
    this.beginBlock(index, known);
    const count = block.instructions.length;
    this.floatChecked = false;
    this.count = count;
    this.accesses = new MemoryAccesses(block.instructions, this.hosts, this.loop?.pages ?? null, this.delta);
    if (count > 0) {
      const isEntry = this.entryIndex.has(index);
      body.get(LEFT).i32(count).op(0x6b).tee(LEFT).i32(0).op(0x48).when(false);
      if (isEntry) this.askForMore();
      this.giveBack(count);
      this.leave(EXIT_INTERPRET, block.offset);
      body.end();
      if (isEntry) body.end();
    }
    for (const [position, instruction] of block.instructions.entries()) this.writeInstruction(instruction, count - position);
    this.writeEnd(block, index);
  }

  /** Opens what is to be done where there is still too little left. */
  private askForMore(): void {
    const { body, given, slot } = this;
    body.get(LEFT).call(MACHINE_FUNCTIONS.more.index);
    if (given !== null) body.tee(slot).get(given).op(0x6a).get(LEFT).op(0x6b).set(given).get(slot);
    body.tee(LEFT).i32(0).op(0x48).when();
  }

  private writeEnd(block: Block, index: number): void {
    const { body } = this;
    const { end } = block;
    switch (end.kind) {
      case "fallThrough":
        this.follow(index, end.next);
        return;
      case "jump":
        this.follow(index, end.target);
        return;
      case "branch": {
        const last = block.instructions.at(-1)?.operation;
        assert(last?.kind === "branch", "a block that branches ends with a branch");
        this.writeCondition(last.condition, last.rs1, last.rs2);
        body.when();
        this.follow(index, end.taken);
        body.end();
        this.follow(index, end.next);
        return;
      }
      case "interpret":
        this.leave(EXIT_INTERPRET, end.offset);
        return;
      case "jumpRegister":
        this.writeJumpRegister(block);
        return;
      default:
        unreachable(end);
    }
  }

  private writeCondition(condition: Condition, rs1: number, rs2: number): void {
    const { body } = this;
    if (rs2 === 0 && (condition === "eq" || condition === "ne")) {
      this.read(rs1);
      body.op(0x50);
      if (condition === "ne") body.op(0x45);
      return;
    }
    this.read(rs1);
    this.read(rs2);
    body.op({ eq: 0x51, ne: 0x52, lt: 0x53, ltu: 0x54, ge: 0x59, geu: 0x5a }[condition]);
  }

  /** Where the target is an entry of this region, the dispatcher leads there; else the machine looks for it. */
  private writeJumpRegister(block: Block): void {
    const { body } = this;
    const last = block.instructions.at(-1);
    assert(last?.operation.kind === "jumpRegister", "a block that jumps through a register ends with such a jump");
    const { rd, rs1, imm } = last.operation;
    this.read(rs1);
    if (imm !== 0) body.i64(imm).op(0x7c);
    body.i64(-2).op(0x83).get(BASE).op(0x7d).set(this.relative);
    if (rd !== 0) {
      body
        .get(BASE)
        .i64(last.offset + last.length)
        .op(0x7c);
      this.write(rd);
    }
    assert(this.dispatch !== null, "a block is under the dispatcher");
    body.get(this.relative).i64(PAGE_BYTES).op(0x54).when();
    body.get(TABLE).get(this.relative).op(0xa7).i32(2).op(0x74).op(0x6a).memory(0x29, 0).tee(this.value);
    body.get(ENTRY).op(0x85).i64(ENTRY_KEY).op(0x83).op(0x50).when();
    this.setIndex(this.value);
    body.branch(this.dispatch);
    body.end();
    body.end();
    body.branch(this.jumpLabel());
  }

  private jumpLabel(): Label {
    assert(this.jump !== null, "the way out to other regions is open");
    return this.jump;
  }

  private exitLabel(): Label {
    const exit = this.loop?.exit ?? this.exit;
    assert(exit !== null, "the exit is open");
    return exit;
  }

  private leave(reason: number, offset: number): void {
    this.body.i64(offset).set(this.relative).i32(reason).set(this.reason).branch(this.exitLabel());
  }

  private giveBack(instructions: number): void {
    if (instructions > 0) this.body.get(LEFT).i32(instructions).op(0x6a).set(LEFT);
  }

  // --- registers ------------------------------------------------------------------------------------------------------

  /** Leaves it on the stack, i64. */
  private read(register: number): void {
    this.registers.read(register);
  }

  /** Takes its new value from the stack, i64. */
  private write(register: number): void {
    this.registers.write(register);
  }

  // --- instructions ---------------------------------------------------------------------------------------------------

  /** @param remaining instructions of the block from this one on */
  private writeInstruction(instruction: Instruction, remaining: number): void {
    const { body } = this;
    const { operation, offset } = instruction;
    this.registers.prepare(operation);
    switch (operation.kind) {
      case "nothing":
      case "branch":
      case "jumpRegister":
        return;
      case "constant":
        body.i64(operation.value);
        this.write(operation.rd);
        return;
      case "auipc":
        body
          .get(BASE)
          .i64(offset + operation.imm)
          .op(0x7c);
        this.write(operation.rd);
        return;
      case "jump":
        if (operation.rd === 0) return;
        body
          .get(BASE)
          .i64(offset + instruction.length)
          .op(0x7c);
        this.write(operation.rd);
        return;
      case "aluRegister":
        if (operation.rd === 0) return;
        emitAluRegister(
          body,
          operation.operation,
          () => this.read(operation.rs1),
          () => this.read(operation.rs2),
          this.value,
        );
        this.write(operation.rd);
        return;
      case "aluImmediate":
        if (operation.rd === 0) return;
        emitAluImmediate(body, operation.operation, () => this.read(operation.rs1), operation.imm, this.value);
        this.write(operation.rd);
        return;
      case "unary":
        if (operation.rd === 0) return;
        emitUnary(body, operation.operation, () => this.read(operation.rs1), this.value);
        this.write(operation.rd);
        return;
      case "load":
        this.writeLoad(instruction, operation, operation.signed ? "signed" : "unsigned", remaining);
        this.write(operation.rd);
        return;
      case "store":
        this.writeStore(instruction, operation, operation.rs2, remaining);
        return;
      case "floatLoad":
        this.leaveUnlessFloatOn(instruction, remaining);
        this.writeFloatLoad(instruction, operation, F0 + operation.fd, remaining);
        return;
      case "floatStore":
        this.leaveUnlessFloatOn(instruction, remaining);
        this.writeStore(instruction, operation, F0 + operation.fs2, remaining);
        return;
      case "float":
        this.writeFloat(instruction, operation.bits, remaining);
        return;
      case "atomic":
        this.writeAtomic(instruction, remaining);
        return;
      case "csr":
        this.writeCsr(instruction, operation.bits, remaining);
        return;
      case "interpret":
        assert(false, "what is interpreted ends its block");
        return;
      default:
        unreachable(operation);
    }
  }

  /** Leaves the value on the stack. */
  private writeLoad(instruction: Instruction, place: Place, kind: LoadKind, remaining: number): void {
    this.accesses.load(this.accessContext(instruction, remaining), { ...place, position: this.count - remaining }, kind);
  }

  private writeFloatLoad(instruction: Instruction, place: Place, register: number, remaining: number): void {
    const isDouble = place.size === 8 && this.registers.isDouble(register);
    this.writeLoad(instruction, place, isDouble ? "double" : "unsigned", remaining);
    if (place.size === 4) this.body.i64(-0x1_0000_0000).op(0x84);
    if (isDouble) this.registers.writeDouble(register);
    else this.write(register);
  }

  private writeStore(instruction: Instruction, place: Place, register: number, remaining: number): void {
    const isDouble = place.size === 8 && register >= F0 && this.registers.isDouble(register);
    const pushBits = (): void => this.read(register);
    const stored: Stored = { isDouble, pushBits, push: isDouble ? () => this.registers.readDouble(register) : pushBits };
    this.accesses.store(this.accessContext(instruction, remaining), { ...place, position: this.count - remaining }, stored);
  }

  private accessContext(instruction: Instruction, remaining: number): AccessContext {
    const { body, machine, address, slot, outcome } = this;
    return {
      body,
      machine,
      set: SET,
      address,
      slot,
      outcome,
      read: (register) => this.read(register),
      interpret: () => {
        this.giveBack(remaining);
        this.leave(EXIT_INTERPRET, instruction.offset);
      },
      leaveByOutcome: () => this.leaveByOutcome(instruction, remaining),
    };
  }

  /** Leaves before the instruction where `outcome` is 1, behind it where it is 2. */
  private leaveByOutcome(instruction: Instruction, remaining: number): void {
    const { body } = this;
    body
      .get(LEFT)
      .i32(remaining + 1)
      .op(0x6a)
      .get(this.outcome)
      .op(0x6b)
      .set(LEFT);
    body.get(this.outcome).i32(1).op(0x6b).i32(instruction.length).op(0x6c).op(0xad);
    body.i64(instruction.offset).op(0x7c).set(this.relative);
    body.get(this.outcome).set(this.reason).branch(this.exitLabel());
  }

  private writeAtomic(instruction: Instruction, remaining: number): void {
    const { body } = this;
    const { operation } = instruction;
    assert(operation.kind === "atomic", "it is an atomic");
    body.i32(operation.funct5 | (operation.size << 8));
    this.read(operation.rs1);
    this.read(operation.rs2);
    body.call(MACHINE_FUNCTIONS.atomic.index);
    this.finishCall(instruction, operation.rd, remaining, () => this.loop?.pages.forget());
  }

  /** A call's result is on the stack, its outcome in memory. @param before what to do before the region is left behind it */
  private finishCall(instruction: Instruction, rd: number, remaining: number, before: () => void): void {
    const { body, machine } = this;
    body.set(this.value).i32(0).memory(0x28, machine.outcome).tee(this.outcome).i32(EXIT_INTERPRET).op(0x46).when(false);
    this.giveBack(remaining);
    this.leave(EXIT_INTERPRET, instruction.offset);
    body.end();
    if (rd !== 0) {
      body.get(this.value);
      this.write(rd);
    }
    before();
    body.get(this.outcome).when(false);
    this.giveBack(remaining - 1);
    this.leave(EXIT_LOOK_AGAIN, instruction.offset + instruction.length);
    body.end();
  }

  private writeCsr(instruction: Instruction, bits: number, remaining: number): void {
    const { body } = this;
    const rd = (bits >>> 7) & 31;
    const rs1 = (bits >>> 15) & 31;
    body.i32(bits);
    if (((bits >>> 12) & 7) >= 4) body.i64(rs1);
    else this.read(rs1);
    body.get(LEFT);
    if (remaining > 0) body.i32(remaining).op(0x6a);
    body.call(MACHINE_FUNCTIONS.csr.index);
    this.finishCall(instruction, rd, remaining, () => {
      body.call(MACHINE_FUNCTIONS.dataSet.index).set(SET);
      this.loop?.pages.forget();
      this.loadFloatState();
    });
    this.floatChecked = false;
  }

  // --- floating point -------------------------------------------------------------------------------------------------

  /** Reads what floating point depends on: FS, which must be Dirty so that nothing is left to do there, NX and frm. */
  private loadFloatState(): void {
    const { body, machine, float } = this;
    if (float === null) return;
    body.i32(0).memory(0x28, machine.mstatus).i32(MSTATUS_FS).op(0x71).i32(MSTATUS_FS).op(0x46).set(float.on);
    body.i32(0).memory(0x28, machine.fcsr).tee(this.slot).i32(FCSR_NX).op(0x71).get(float.on).op(0x71).tee(float.inexact);
    body.get(this.slot).i32(FCSR_FRM).op(0x71).op(0x45).op(0x71).set(this.slot);
    body.i32(RESULT_BOUND).i32(0).get(this.slot).op(0x1b).set(float.bound);
  }

  /** Once a block, and after what may change it. */
  private leaveUnlessFloatOn(instruction: Instruction, remaining: number): void {
    const { body, float } = this;
    assert(float !== null, "the region knows that it uses floating point");
    if (this.floatChecked) return;
    this.floatChecked = true;
    body.get(float.on).op(0x45).when(false);
    this.giveBack(remaining);
    this.leave(EXIT_INTERPRET, instruction.offset);
    body.end();
  }

  private writeFloat(instruction: Instruction, bits: number, remaining: number): void {
    this.leaveUnlessFloatOn(instruction, remaining);
    const { body, float } = this;
    assert(float !== null, "the region knows that it uses floating point");
    const { inexact, bound, double, single } = float;
    emitFloat(
      {
        body,
        read: (register) => this.read(register),
        write: (register) => this.write(register),
        readDouble: (register) => this.registers.readDouble(register),
        writeDouble: (register) => this.registers.writeDouble(register),
        host: this.host,
        inexact,
        bound,
        double,
        single,
        slow: () => this.writeSlowFloat(instruction, bits, remaining),
      },
      bits,
    );
  }

  /** By the machine, which has its operands in memory. */
  private writeSlowFloat(instruction: Instruction, bits: number, remaining: number): void {
    const { body } = this;
    const { reads, writes } = floatRegisters(bits);
    for (const register of new Set(reads)) if (register !== 0) this.registers.spill(register);
    body.i32(bits).call(MACHINE_FUNCTIONS.float.index).op(0x45).when(false);
    this.giveBack(remaining);
    this.leave(EXIT_INTERPRET, instruction.offset);
    body.end();
    for (const register of writes) if (register !== 0) this.registers.fill(register);
    this.loadFloatState();
  }
}

/** Byte ranges of the instructions that the blocks are made from, those that are left to the interpreter included. */
function covered(blocks: readonly Block[]): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const { offset, instructions, end } of blocks) {
    const last = instructions.at(-1);
    let stop = last === undefined ? offset : last.offset + last.length;
    if (end.kind === "interpret") stop = Math.max(stop, Math.min(end.offset + 4, PAGE_BYTES));
    ranges.push([offset, stop]);
  }
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else merged.push([...range]);
  }
  return merged;
}
