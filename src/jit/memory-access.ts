/**
 * Emits loads and stores: the TLB inline, the machine's function where it misses.
 *
 * Accesses off one base register that lie close together are a group (access-groups.ts). Its first one looks whether all of its
 * bytes are in one page that the TLB has, of writes where there is a store among them, and keeps their host address in a local; 0 says
 * that each is to go to the machine. What the machine does for one access may end what another group has found, so there it is
 * forgotten. Only the machine's functions can do that: a page that translated code may write holds neither code nor page tables.
 *
 * In a loop, accesses that go through memory by steps keep the page that they came to last (kept-pages.ts), which is forgotten
 * wherever the machine is called.
 *
 * Where memory is mapped with one offset throughout, the host address is the guest's plus `delta`, which is compared with
 * the TLB's and is the same as a rule: so an address that was just loaded need not wait for the TLB entry to be loaded.
 */
import { type AccessGroup, findAccessGroups } from "./access-groups.ts";
import type { Instruction } from "./instruction.ts";
import type { KeptPage, KeptPages } from "./kept-pages.ts";
import { MACHINE_FUNCTIONS, type MachineAddresses } from "./machine-interface.ts";
import { registerName } from "./registers.ts";
import { F64, type FunctionBody, I32, I64 } from "./wasm-builder.ts";

/** What the region gives to the code of an access. */
export interface AccessContext {
  readonly body: FunctionBody;
  readonly machine: MachineAddresses;
  /** Parameter or local: the TLB set of the present mode. */
  readonly set: number;
  /** i64 local. */
  readonly address: number;
  /** i32 locals. */
  readonly slot: number;
  readonly outcome: number;
  /** Leaves a register on the stack, i64. */
  readonly read: (register: number) => void;
  /** Leaves the region before the instruction. */
  readonly interpret: () => void;
  /** Leaves it as `outcome`, which is not 0, says. */
  readonly leaveByOutcome: () => void;
}

/** One access, at a position in its block. */
export interface Access {
  readonly position: number;
  readonly rs1: number;
  readonly imm: number;
  readonly size: number;
}

/** How a load makes a value of what is in memory: an i64, or an f64. */
export type LoadKind = "signed" | "unsigned" | "double";

/** What is stored. */
export interface Stored {
  /** Leaves it on the stack, i64, or f64 where it `isDouble`. */
  readonly push: () => void;
  /** Leaves it on the stack, i64. */
  readonly pushBits: () => void;
  readonly isDouble: boolean;
}

/** An i32 local for each base register that groups have. */
export class HostAddresses {
  private readonly locals = new Map<number, number>();

  constructor(private readonly body: FunctionBody) {}

  of(base: number): number {
    const known = this.locals.get(base);
    if (known !== undefined) return known;
    const local = this.body.local(I32, `host.${registerName(base)}`);
    this.locals.set(base, local);
    return local;
  }

  forget(base: number): void {
    this.body.i32(0).set(this.of(base));
  }
}

/** The accesses of one block. */
export class MemoryAccesses {
  private readonly groups: ReadonlyMap<number, AccessGroup>;

  /**
   * @param pages of the loop that the block is part of; null: of none
   * @param delta see above; null: memory is mapped otherwise
   */
  constructor(
    instructions: readonly Instruction[],
    private readonly hosts: HostAddresses,
    private readonly pages: KeptPages | null,
    private readonly delta: number | null,
  ) {
    this.groups = findAccessGroups(instructions);
  }

  /** Leaves the value on the stack. */
  load(context: AccessContext, access: Access, kind: LoadKind): void {
    const { body, machine } = context;
    const { size } = access;
    const isDouble = kind === "double";
    const signed = kind === "signed";
    const hit = (offset: number): void => {
      body.memory(isDouble ? 0x2b : loadOpcode(size, signed), offset);
    };
    this.access(context, access, machine.readTlb, isDouble ? F64 : I64, hit, () => {
      body
        .get(context.address)
        .i32(size | (signed && size < 8 ? 16 : 0))
        .call(MACHINE_FUNCTIONS.load.index);
      if (isDouble) body.op(0xbf);
      body.i32(0).memory(0x28, machine.outcome).when(false);
      context.interpret();
      body.end();
    });
  }

  store(context: AccessContext, access: Access, stored: Stored): void {
    const { body, machine } = context;
    const { size } = access;
    const hit = (offset: number): void => {
      stored.push();
      body.memory(stored.isDouble ? 0x39 : storeOpcode(size), offset);
    };
    this.access(context, access, machine.writeTlb, undefined, hit, () => {
      body.get(context.address).i32(size);
      stored.pushBits();
      body.call(MACHINE_FUNCTIONS.store.index).tee(context.outcome).when(false);
      context.leaveByOutcome();
      body.end();
    });
  }

  /**
   * @param result type of what the access leaves on the stack; undefined: nothing
   * @param hit the access itself, so many bytes behind the host address that is on the stack
   * @param missed by the machine, at `address`
   */
  private access(
    context: AccessContext,
    access: Access,
    tlb: number,
    result: number | undefined,
    hit: (offset: number) => void,
    missed: () => void,
  ): void {
    const { body } = context;
    const group = this.groups.get(access.position);
    const page = this.pages?.of(access.rs1, tlb === context.machine.writeTlb);
    if (group !== undefined) {
      const host = this.findHost(context, group, access);
      body.get(host).when(true, result);
      body.get(host);
      hit(access.imm - group.low);
      body.otherwise();
      this.effectiveAddress(context, access);
      body.set(context.address);
    } else {
      this.effectiveAddress(context, access);
      if (page !== undefined) {
        body.set(context.address);
        this.isIn(context, page, access.size);
        body.when(true, result);
        this.keptAddress(context, page);
        hit(0);
        body.otherwise().get(context.address);
      }
      this.lookUp(context);
      this.hits(context, tlb, access.size);
      body.when(true, result);
      if (page === undefined) this.hostAddress(context, tlb);
      else this.keep(context, page, tlb);
      hit(0);
      body.otherwise();
    }
    missed();
    this.forgetOthers(access);
    this.pages?.forget();
    body.end();
    if (group === undefined && page !== undefined) body.end();
  }

  /** At a group's first access finds the host address of its lowest byte, or 0. @returns the local that has it */
  private findHost(context: AccessContext, group: AccessGroup, { position }: Access): number {
    const host = this.hosts.of(group.base);
    if (position !== group.first) return host;
    const { body, machine } = context;
    const tlb = group.writes ? machine.writeTlb : machine.readTlb;
    const page = this.pages?.of(group.base, group.writes);
    this.effectiveAddress(context, { rs1: group.base, imm: group.low });
    if (page !== undefined) {
      body.set(context.address);
      this.isIn(context, page, 1);
      body.when(true, I32);
      this.unlessAcross(context, group, () => this.keptAddress(context, page));
      body.otherwise().get(context.address);
    }
    this.lookUp(context);
    this.hits(context, tlb, 1);
    body.when(true, I32);
    this.unlessAcross(context, group, () => {
      if (page === undefined) this.hostAddress(context, tlb);
      else this.keep(context, page, tlb);
    });
    body.otherwise().i32(0).end();
    if (page !== undefined) body.end();
    body.set(host);
    return host;
  }

  /** Leaves what `found` leaves on the stack, and 0 where a group, whose lowest byte is at `address`, lies across pages. */
  private unlessAcross({ body, address }: AccessContext, { low, high }: AccessGroup, found: () => void): void {
    body
      .get(address)
      .op(0xa7)
      .i32(4095)
      .op(0x71)
      .i32(4096 - (high - low))
      .op(0x4d)
      .when(true, I32);
    found();
    body.otherwise().i32(0).end();
  }

  /** The machine was called for this access: nothing that was found for other groups holds any more. */
  private forgetOthers({ position }: Access): void {
    const own = this.groups.get(position);
    const bases = new Set<number>();
    for (const group of this.groups.values()) {
      if (group !== own && group.first < position && position < group.last) bases.add(group.base);
    }
    for (const base of bases) this.hosts.forget(base);
  }

  /** Leaves `base + offset` on the stack. */
  private effectiveAddress({ body, read }: AccessContext, { rs1, imm }: Pick<Access, "rs1" | "imm">): void {
    read(rs1);
    if (imm !== 0) body.i64(imm).op(0x7c);
  }

  /** Takes an address from the stack into `address`, and leaves that of its TLB entry, relative to the TLBs, in `slot` and on the stack. */
  private lookUp({ body, machine, address, slot, set }: AccessContext): void {
    body.tee(address).i64(8).op(0x88).op(0xa7).i32(machine.tlbSlots).op(0x71).get(set).op(0x6a).tee(slot);
  }

  /** Whether the TLB's tag, whose slot is on the stack, is that of the address: with its low bits, so that only what is aligned hits. */
  private hits({ body, address }: AccessContext, tlb: number, size: number): void {
    body
      .memory(0x29, tlb)
      .get(address)
      .i64(-4096 + size - 1)
      .op(0x83)
      .op(0x51);
  }

  /** The same of a page that is kept. */
  private isIn({ body, address }: AccessContext, { tag }: KeptPage, size: number): void {
    body
      .get(address)
      .i64(-4096 + size - 1)
      .op(0x83)
      .get(tag)
      .op(0x51);
  }

  /** Keeps the page of `address`, which the TLB has at `slot`, and leaves the host address on the stack. */
  private keep(context: AccessContext, page: KeptPage, tlb: number): void {
    const { body, address, slot } = context;
    body.get(address).i64(-4096).op(0x83).set(page.tag);
    body
      .get(slot)
      .memory(0x28, tlb + 8)
      .set(page.addend);
    this.keptAddress(context, page);
  }

  /** Leaves the host address of `address`, which is in the page, on the stack. */
  private keptAddress({ body, address }: AccessContext, { addend }: KeptPage): void {
    body.get(address).op(0xa7).get(addend).op(0x6a);
  }

  /** Leaves the host address of `address`, which the TLB has at `slot`, on the stack. */
  private hostAddress({ body, address, slot, outcome }: AccessContext, tlb: number): void {
    const { delta } = this;
    body.get(slot).memory(0x28, tlb + 8);
    if (delta !== null) {
      body.tee(outcome).i32(delta).op(0x46).when(true, I32);
      body.i32(delta).otherwise().get(outcome).end();
    }
    body.get(address).op(0xa7).op(0x6a);
  }
}

function loadOpcode(size: number, signed: boolean): number {
  switch (size) {
    case 1:
      return signed ? 0x30 : 0x31;
    case 2:
      return signed ? 0x32 : 0x33;
    case 4:
      return signed ? 0x34 : 0x35;
  }
  return 0x29;
}

function storeOpcode(size: number): number {
  return { 1: 0x3c, 2: 0x3d, 4: 0x3e }[size] ?? 0x37;
}
