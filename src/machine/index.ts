/**
 * The machine's ABI: everything the engine may call, and nothing else is exported.
 *
 * The machine imports its memory and no function: it never asks anybody anything (determinism rule 3). Memory grows once,
 * in `setUp`. Addresses are linear, times are ticks of 100 ns, instants are retired instructions.
 */
import { IRQ_MTI, IRQ_STI } from "../isa/causes";
import { ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE, PRIV_S } from "../isa/status-bits";
import { ticksToInterrupt } from "./devices/deadlines";
import { deliverSize, inputRoom as roomForInput, queueInput as queue } from "./devices/input-queue";
import { setWallClock as setWall } from "./devices/rtc";
import { transmitting as consoleTransmitting } from "./devices/virtio-console";
import { uartSysRq } from "./devices/uart";
import { entropyWanted as wantedEntropy, provideEntropy as provide } from "./devices/virtio-rng";
import { MENVCFG_ADUE, MENVCFG_STCE } from "./hart/csr-legal";
import { run as runUntil, sampleEvery, tracedBits, tracedPc, traceInstructions } from "./hart/execute";
import { executeFloat } from "./hart/float-execute";
import { mulh, mulhsu, mulhu } from "./hart/integer";
import { addressSpaceChanged, dataSet, modeChanged } from "./hart/mmu";
import { Op } from "./hart/ops";
import { openPmp, pmpChanged } from "./hart/pmp";
import { installRegion as install, nextCode, regionAtomic, regionCsr, regionLoad, regionMore, regionStore, reportLandings } from "./hart/regions";
import { flushAllTlbs, flushWriteTlb, forgetTranslations } from "./hart/tlb";
import { ALWAYS_END, FIRST_PAGE, listChanges, mayHoldData, rehash, updateHash } from "./hash";
import {
  CLOCK_INSTANT, CLOCK_RATE, CLOCK_TIME, CONSOLE_BASE, CONSOLE_END, CONSOLE_RING, CONSOLE_RING_SIZE, EXCHANGE, HALTED, FCSR, INPUT_SESSIONS,
  INSTRET, LAYOUT_MAGIC, LAYOUT_VERSION, MCOUNTEREN, MEDELEG, MENVCFG, MIDELEG, MIE, MTIMECMP, MSTATUS, MTIME_OFFSET, PAGE_SHIFT, PAGE_SIZE, PC,
  PRIV, RAM_OFFSET, REGION_EXITS, REGION_HEAT, REGION_LANDINGS, REGION_LANDINGS_SIZE, REGION_NUMBERS, REGION_OUTCOME, REGION_OWNERS, REGION_SAMPLES, REGION_SAMPLES_MAX, RESERVATION, SBI_ENABLED, SCOUNTEREN, STATE_END, STATE_MAGIC, STIMECMP, TLB_READ, TLB_SLOTS, TLB_WRITE, TRAP_INSTANT, WAITING, WALL_OFFSET,
  WARM_REBOOT_IS_PANIC, X, EXEC_SET, TLB_EXEC,
} from "./layout";
import {
  beforeWalkerWrite, codeIndex, DIRTY_TRANSFER, dirtyMap, dropRegions as dropRegionsOf, endPage, forgetAllDecoded, linearBytes, setUpRam, tableIndex,
} from "./ram";

/** Delegated to S mode where the machine is the firmware: every exception but ecall from S, which never traps. */
const SBI_MEDELEG: u64 = 0xb1ff;
const SBI_MIDELEG: u64 = 0x222;

/**
 * Makes a machine with RAM of zeros. Once.
 *
 * @param ramBytes a multiple of 4096
 * @returns 0, or 1 where the host has not the memory
 */
export function setUp(ramBytes: u64): u32 {
  const pages = <i32>(linearBytes(ramBytes) >> 16);
  const missing = pages - memory.size();
  if (missing > 0 && memory.grow(missing) < 0) return 1;
  setUpRam(ramBytes);
  store<u32>(STATE_MAGIC, LAYOUT_MAGIC);
  store<u32>(STATE_MAGIC, LAYOUT_VERSION, 4);
  store<u64>(MTIMECMP, -1);
  store<u64>(STIMECMP, -1);
  store<u64>(RESERVATION, -1);
  store<u64>(TRAP_INSTANT, -1);
  store<u64>(PRIV, 3);
  store<u64>(MENVCFG, MENVCFG_ADUE);
  pmpChanged();
  flushAllTlbs();
  modeChanged();
  return 0;
}

/**
 * Readies the hart to enter a supervisor at `entry`, with the machine as its firmware (RISC-V boot protocol: a0 hart, a1 device tree).
 *
 * @param warmRebootIsPanic the supervisor is told to make a panic a warm reboot, and nothing else one
 */
export function bootSupervisor(entry: u64, deviceTree: u64, warmRebootIsPanic: bool): void {
  store<u64>(SBI_ENABLED, 1);
  store<u64>(WARM_REBOOT_IS_PANIC, warmRebootIsPanic);
  store<u64>(PRIV, PRIV_S);
  store<u64>(PC, entry);
  store<u64>(MEDELEG, SBI_MEDELEG);
  store<u64>(MIDELEG, SBI_MIDELEG);
  store<u64>(MCOUNTEREN, 0xffffffff);
  // As OpenSBI leaves it: Linux without a PMU driver never sets it, and the vDSO reads the time in U mode.
  store<u64>(SCOUNTEREN, 7);
  // And as the device tree says it: Svadu, and operations on cache blocks.
  store<u64>(MENVCFG, MENVCFG_STCE | MENVCFG_ADUE | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE);
  openPmp();
  store<u64>(X + 80, 0);
  store<u64>(X + 88, deviceTree);
  modeChanged();
}

/** Readies the hart to enter firmware or a bare-metal program at `entry` in M mode; `handover` goes to a2, as QEMU's `virt` does it. */
export function bootMachine(entry: u64, deviceTree: u64, handover: u64): void {
  store<u64>(SBI_ENABLED, 0);
  store<u64>(PRIV, 3);
  store<u64>(PC, entry);
  store<u64>(X + 80, 0);
  store<u64>(X + 88, deviceTree);
  store<u64>(X + 96, handover);
  modeChanged();
}

/** Sets the clock rule for the epoch that begins now. */
export function beginEpoch(time: u64, rate: u32): void {
  store<u64>(CLOCK_TIME, time);
  store<u64>(CLOCK_INSTANT, load<u64>(INSTRET));
  store<u64>(CLOCK_RATE, rate);
}

/** The session's id and the bytes are at EXCHANGE and EXCHANGE + 16. @returns bytes queued, or -1 */
export function queueInput(offset: u64, length: u32): i32 {
  return queue(EXCHANGE, offset, EXCHANGE + 16, length);
}

/** The session's id is at EXCHANGE; cols and rows are 1 to 65535. @returns false: a hole */
export function resizeTerminal(offset: u64, cols: u32, rows: u32): bool {
  return deliverSize(EXCHANGE, offset, cols, rows);
}

export function inputRoom(): u32 {
  return roomForInput();
}

/** Somebody gives a break and `key` at the guest's serial terminal. */
export function pressSysRq(key: u32): void {
  uartSysRq(key);
}

/** The first byte that this guest writes has this offset; before its first instruction. */
export function beginConsole(offset: u64): void {
  store<u64>(CONSOLE_BASE, offset);
  store<u64>(CONSOLE_END, offset);
}

/** The log says that it is `unixNs` now, nanoseconds since 1970; after `beginEpoch`. */
export function setWallClock(unixNs: u64): void {
  setWall(unixNs, load<u64>(INSTRET));
}

/** Wall clock, ns since 1970 = 100 * `time()` + this, modulo 2^64. */
export function wallOffset(): u64 {
  return load<u64>(WALL_OFFSET);
}

/** Bytes that the guest's outstanding request for entropy can take; 0: there is none. */
export function entropyWanted(): u32 {
  return wantedEntropy();
}

/** Entropy from the log, at EXCHANGE. @returns false: nobody wants so many bytes */
export function provideEntropy(length: u32): bool {
  return provide(EXCHANGE, length);
}

/** In the middle of an instant, after a run that stopped for output: run again before looking at anything but the console. */
export function transmitting(): bool {
  return consoleTransmitting();
}

/**
 * @param stoppable end soon where function 0 of the table, which has no parameters and is there then, answers other than 0
 * @returns why it stopped: 0 limit, 1 waiting, 2 output, 3 halted, 4 it was asked to
 */
export function run(until: u64, stoppable: bool): u32 {
  return runUntil(until, stoppable);
}

export function instant(): u64 {
  return load<u64>(INSTRET);
}

/** Clock time now, in the terms of `beginEpoch`. */
export function time(): u64 {
  return load<u64>(CLOCK_TIME) + (((load<u64>(INSTRET) - load<u64>(CLOCK_INSTANT)) * load<u64>(CLOCK_RATE)) >> 24);
}

export function waiting(): bool {
  return load<u64>(WAITING) != 0;
}

/** Clock time at which a timer or a device's deadline ends the hart's wait; all ones: none will. */
export function wakeTime(): u64 {
  const ticks = min(ticksToTimer(), ticksToInterrupt(load<u64>(INSTRET)));
  const now = time();
  return ticks < u64.MAX_VALUE - now ? now + ticks : u64.MAX_VALUE;
}

function ticksToTimer(): u64 {
  const enabled = load<u64>(MIE);
  let wake = u64.MAX_VALUE;
  if ((enabled & (1 << IRQ_STI)) != 0 && (load<u64>(MENVCFG) & MENVCFG_STCE) != 0) wake = load<u64>(STIMECMP);
  if ((enabled & (1 << IRQ_MTI)) != 0) wake = min(wake, load<u64>(MTIMECMP));
  if (wake == u64.MAX_VALUE) return wake;
  const guestNow = time() + load<u64>(MTIME_OFFSET);
  return wake <= guestNow ? 0 : wake - guestNow;
}

/** 0 runs, 1 powered off, 2 rebooted, 3 panicked. */
export function halted(): u32 {
  return load<u32>(HALTED);
}

/** What the guest stored to the finisher to end itself; 0: it did not. */
export function finisherValue(): u32 {
  return load<u32>(HALTED, 4);
}

export function consoleEnd(): u64 {
  return load<u64>(CONSOLE_END);
}

export function consoleBase(): u64 {
  return load<u64>(CONSOLE_BASE);
}

export function consoleRing(): u32 {
  return CONSOLE_RING;
}

export function consoleRingSize(): u32 {
  return CONSOLE_RING_SIZE;
}

export function exchange(): u32 {
  return EXCHANGE;
}

export function inputSessions(): u32 {
  return INPUT_SESSIONS;
}

export function ramOffset(): u32 {
  return RAM_OFFSET;
}

export function registers(): u32 {
  return X;
}

/** Program counter of the next instruction. */
export function programCounter(): u64 {
  return load<u64>(PC);
}

/** Notes the next instruction of each pass: all of them, where `run` is called for one at a time. */
export function setTracing(on: bool): void {
  traceInstructions(on);
}

/** Where the last pass began: the instruction that retired, where `run` was called for one. */
export function tracedProgramCounter(): u64 {
  return tracedPc;
}

/** Its bits; the upper half is 0 where it is compressed. */
export function tracedInstruction(): u32 {
  return tracedBits;
}

/** The host has written [address, address + length): state, or RAM with code and page tables in it. */
export function written(address: u32, length: u32): void {
  const end = address + length;
  for (let at = address; at < end; ) {
    const next = min(end, (at & ~(PAGE_SIZE - 1)) + PAGE_SIZE);
    beforeWalkerWrite(at, next - at);
    if (load<u32>(tableIndex + ((at >> PAGE_SHIFT) << 2)) != 0) forgetTranslations();
    at = next;
  }
}

// --- translated code: called by the engine ---------------------------------------------------------------------------

/**
 * From now on, what runs after every so many interpreted instructions is listed at `regionSamples`, and where no region can be
 * entered each time that the interpreter has taken over there so often.
 */
export function setSampling(instructions: u32, landings: u32): void {
  sampleEvery(instructions);
  reportLandings(landings);
}

/** Landings that are far apart are worth nothing: from now on they are counted anew. */
export function forgetLandings(): void {
  memory.fill(REGION_LANDINGS, 0, REGION_LANDINGS_SIZE << 3);
}

/** A count, then linear addresses of instructions that run often, u32 each, plus 1 where it is for the landings; the host empties it by storing 0. */
export function regionSamples(): u32 {
  return REGION_SAMPLES;
}

export function regionSamplesMax(): u32 {
  return REGION_SAMPLES_MAX;
}

/** u32 a number: the linear page of the region that has it, 0: it is free. Number 0 is none. */
export function regionOwners(): u32 {
  return REGION_OWNERS;
}

/** u32 a number: instructions that the region has retired, modulo 2^32. */
export function regionHeat(): u32 {
  return REGION_HEAT;
}

export function regionNumbers(): u32 {
  return REGION_NUMBERS;
}

/** As `installRegion` of hart/regions.ts; the function is in the table already. @returns whether it can be entered */
export function installRegion(number: u32, page: u32, entries: u32, ranges: u32): bool {
  return install(number, page, entries, ranges);
}

/** Address of u64: how often regions were left for a jump, for the interpreter, for a look at interrupts; instructions retired in them. */
export function regionFigures(): u32 {
  return REGION_EXITS;
}

/** Address of a linear page's decode table: 8 bytes a halfword, the first 0 where none was executed lately. 0: there is no table. */
export function decodeTable(page: u32): u32 {
  return load<u32>(codeIndex + (page << 2));
}

/** What a decode entry begins with where a region is entered. */
export function regionEnterOp(): u32 {
  return Op.Enter;
}

/** Drops every region of a linear page. */
export function dropRegions(page: u32): void {
  const table = load<u32>(codeIndex + (page << 2));
  if (table != 0) dropRegionsOf(table);
}

/** Addresses that translated code has in it: of registers, pc, mstatus, fcsr, the TLBs, the present set of code's, heat, jumps, outcome. */
export function regionAddress(which: u32): u32 {
  switch (which) {
    case 0: return X;
    case 1: return PC;
    case 2: return MSTATUS;
    case 3: return FCSR;
    case 4: return TLB_READ;
    case 5: return TLB_WRITE;
    case 6: return TLB_EXEC;
    case 7: return EXEC_SET;
    case 8: return REGION_HEAT;
    case 9: return REGION_EXITS;
    default: return REGION_OUTCOME;
  }
}

/** Of a virtual address >> 8: where its entry is in a set of a TLB. */
export function regionTlbSlots(): u32 {
  return TLB_SLOTS;
}

// --- translated code: called by regions ------------------------------------------------------------------------------

export { nextCode, regionAtomic, regionCsr, regionLoad, regionMore, regionStore };

/** @returns false where the instruction is illegal; its integer registers are in memory */
export function regionFloat(bits: u32): bool {
  return executeFloat(bits);
}

export function regionMulh(a: u64, b: u64): u64 {
  return mulh(a, b);
}

export function regionMulhsu(a: u64, b: u64): u64 {
  return mulhsu(a, b);
}

export function regionMulhu(a: u64, b: u64): u64 {
  return mulhu(a, b);
}

/** The TLB set of data accesses in the present mode. */
export function regionDataSet(): u32 {
  return dataSet;
}

// --- state -----------------------------------------------------------------------------------------------------------

/** State hash at this instant. */
export function stateHash(): u64 {
  const hash = updateHash();
  flushWriteTlb();
  return hash;
}

/** As `listChanges` of hash.ts, after `stateHash`. */
export function changedPages(): u32 {
  return listChanges();
}

/** Marks every page that may hold data as not yet transferred. @returns how many */
export function beginTransfer(): u32 {
  let count: u32 = 0;
  for (let page = FIRST_PAGE; page < endPage; page++) {
    const at = dirtyMap + page;
    if (isState(page) && mayHoldData(page)) {
      store<u8>(at, load<u8>(at) | DIRTY_TRANSFER);
      count++;
    } else store<u8>(at, load<u8>(at) & ~DIRTY_TRANSFER);
  }
  flushWriteTlb();
  return count;
}

function isState(page: u32): bool {
  return (page >= FIRST_PAGE && page < STATE_END >> PAGE_SHIFT) || (page >= RAM_OFFSET >> PAGE_SHIFT && page < endPage);
}

/** The first page not below `from` that is to be transferred, taken off the list; 0: none. Then `endTake`. */
export function takePage(from: u32): u32 {
  for (let page = max(from, ALWAYS_END); page < endPage; page++) {
    if ((page & 7) == 0 && load<u64>(dirtyMap + page) == 0) {
      page += 7;
      continue;
    }
    const at = dirtyMap + page;
    if ((load<u8>(at) & DIRTY_TRANSFER) == 0 || !isState(page)) continue;
    store<u8>(at, load<u8>(at) & ~DIRTY_TRANSFER);
    // Hashed while it is at hand: the pause at the end of a transfer then hashes only what was written since.
    rehash(page);
    return page;
  }
  return 0;
}

/** After pages were taken: writes to them must be noticed again. */
export function endTake(): void {
  flushWriteTlb();
}

/** Pages still to be transferred, without the three that always are. */
export function pagesLeft(): u32 {
  let count: u32 = 0;
  for (let page = ALWAYS_END; page < endPage; page++) {
    if ((page & 7) == 0 && load<u64>(dirtyMap + page) == 0) page += 7;
    else if ((load<u8>(dirtyMap + page) & DIRTY_TRANSFER) != 0 && isState(page)) count++;
  }
  return count;
}

/** Whether a page holds nothing but zeros. */
export function isZeroPage(page: u32): bool {
  const end = (page + 1) << PAGE_SHIFT;
  for (let at = page << PAGE_SHIFT; at < end; at += 32) {
    if ((load<u64>(at) | load<u64>(at, 8) | load<u64>(at, 16) | load<u64>(at, 24)) != 0) return false;
  }
  return true;
}

export function firstPage(): u32 {
  return FIRST_PAGE;
}

export function alwaysEnd(): u32 {
  return ALWAYS_END;
}

export function stateEndPage(): u32 {
  return STATE_END >> PAGE_SHIFT;
}

export function ramFirstPage(): u32 {
  return RAM_OFFSET >> PAGE_SHIFT;
}

export function ramEndPage(): u32 {
  return endPage;
}

/** The host replaced pages of state: every cache is dropped. Their dirty marks were set by `written`. */
export function restored(): void {
  forgetAllDecoded();
  forgetTranslations();
  pmpChanged();
  addressSpaceChanged();
}

export function layoutVersion(): u32 {
  return LAYOUT_VERSION;
}

