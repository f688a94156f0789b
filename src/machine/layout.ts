/**
 * Where everything is in the machine's linear memory. This file is the snapshot format: a snapshot is the pages of
 * [STATE_BASE, STATE_END) and of RAM, and nothing else of the machine is state.
 *
 *   0x0000  scratch (not state): what is written to x0, the decoder's straddle entry
 *   0x1000  STATE  hart page: x, f, CSRs        always sent, always hashed
 *   0x2000         device page: UART, PLIC, CLINT, RTC, virtio, SBI, clock rule, console counters
 *   0x3000         input sessions
 *   0x10000        console input queue, 64 KiB
 *   0x40000        console output ring, 256 KiB
 *   0x80000 caches (never state): TLBs, pages that hold page tables
 *   RAM_OFFSET     guest RAM (state), then, sized by it: page hashes (now, and as listed last), code index, table index, dirty map, decode tables
 */
export const LAYOUT_MAGIC: u32 = 0x59_44_53_55; // "USDY"
/** Raise it with every change of what a byte of state means. */
export const LAYOUT_VERSION: u32 = 5;

export const PAGE_SHIFT: u32 = 12;
export const PAGE_SIZE: u32 = 4096;

/**
 * Registers as decoded entries name them: slot n is at SLOTS + 8 n. Slot 0 takes writes to x0 and is no state, 32..63 are
 * x0..x31, 64..95 f0..f31.
 */
export const SLOTS: u32 = 0x0f00;
export const SLOT_SINK: u32 = 0;
export const SLOT_X: u32 = 32;
export const SLOT_F: u32 = 64;

export const STATE_BASE: u32 = 0x1000;

// --- hart page -------------------------------------------------------------------------------------------------------
export const X: u32 = SLOTS + 8 * SLOT_X; // 32 x u64
export const F: u32 = SLOTS + 8 * SLOT_F; // 32 x u64
const CSR: u32 = 0x1200;
export const PC: u32 = CSR;
export const PRIV: u32 = CSR + 8;
/** Instructions retired since the VM was created: the instant. */
export const INSTRET: u32 = CSR + 16;
export const WAITING: u32 = CSR + 24;
export const MSTATUS: u32 = CSR + 32;
export const MIE: u32 = CSR + 40;
/** Only the bits that software sets: SSIP, MSIP, and STIP where stimecmp does not drive it. */
export const MIP_SOFT: u32 = CSR + 48;
export const MEDELEG: u32 = CSR + 56;
export const MIDELEG: u32 = CSR + 64;
export const MTVEC: u32 = CSR + 72;
export const MCOUNTEREN: u32 = CSR + 80;
export const MSCRATCH: u32 = CSR + 88;
export const MEPC: u32 = CSR + 96;
export const MCAUSE: u32 = CSR + 104;
export const MTVAL: u32 = CSR + 112;
export const MENVCFG: u32 = CSR + 120;
export const MCOUNTINHIBIT: u32 = CSR + 128;
export const STVEC: u32 = CSR + 136;
export const SCOUNTEREN: u32 = CSR + 144;
export const SENVCFG: u32 = CSR + 152;
export const SSCRATCH: u32 = CSR + 160;
export const SEPC: u32 = CSR + 168;
export const SCAUSE: u32 = CSR + 176;
export const STVAL: u32 = CSR + 184;
export const STIMECMP: u32 = CSR + 192;
export const SATP: u32 = CSR + 200;
export const FCSR: u32 = CSR + 208;
/** mcycle and minstret = INSTRET + these; where mcountinhibit stops them, these alone. */
export const MCYCLE_BASE: u32 = CSR + 216;
export const MINSTRET_BASE: u32 = CSR + 224;
/** Reservation of LR: linear address of what it loaded, or -1. */
export const RESERVATION: u32 = CSR + 232;
/** Instant and number of the traps taken since the last instruction retired: the guard against a hart that only traps. */
export const TRAP_INSTANT: u32 = CSR + 240;
export const TRAP_RUN: u32 = CSR + 248;
export const PMPCFG: u32 = CSR + 256; // 2 x u64: pmpcfg0, pmpcfg2
export const PMPADDR: u32 = CSR + 272; // 16 x u64

// --- device page -----------------------------------------------------------------------------------------------------
const DEVICE: u32 = 0x2000;
export const STATE_MAGIC: u32 = DEVICE; // u32 magic, u32 version
export const RAM_BYTES: u32 = DEVICE + 8;
/** 1: the machine answers SBI calls itself; 0: firmware in the guest does. */
export const SBI_ENABLED: u32 = DEVICE + 16;
/** Low half: 0 runs; otherwise 1 poweroff, 2 reboot, 3 panic. High half: what the guest stored to the finisher, if that ended it. */
export const HALTED: u32 = DEVICE + 24;
/** The clock rule of the running epoch: time = CLOCK_TIME + ((INSTRET - CLOCK_INSTANT) * CLOCK_RATE) >> 24. */
export const CLOCK_TIME: u32 = DEVICE + 32;
export const CLOCK_INSTANT: u32 = DEVICE + 40;
export const CLOCK_RATE: u32 = DEVICE + 48;
export const MTIMECMP: u32 = DEVICE + 56;
export const MTIME_OFFSET: u32 = DEVICE + 64;
export const MSIP: u32 = DEVICE + 72;
/** Console bytes written since the VM was created; byte N is at CONSOLE_RING + N % CONSOLE_RING_SIZE. */
export const CONSOLE_END: u32 = DEVICE + 80;
/** Console input: bytes ever queued, bytes ever read by the guest. */
export const INPUT_HEAD: u32 = DEVICE + 88;
export const INPUT_TAIL: u32 = DEVICE + 96;
/** +1 at each delivery: orders input sessions by use. */
export const INPUT_SEQUENCE: u32 = DEVICE + 104;
/** Which port console input goes to: 0 the UART, 1 the virtio console (devices/console.ts). */
export const KEYBOARD: u32 = DEVICE + 112;
/** 1: the command line makes a panic a warm reboot and nothing else one, so SBI's warm reboot is a panic (sbi.ts). */
export const WARM_REBOOT_IS_PANIC: u32 = DEVICE + 120;
export const UART: u32 = DEVICE + 128; // bytes: see devices/uart.ts
export const PLIC_PRIORITY: u32 = DEVICE + 0x100; // 96 x u32
export const PLIC_LEVEL: u32 = DEVICE + 0x300; // 3 x u32: lines as the devices drive them
export const PLIC_PENDING: u32 = DEVICE + 0x310; // 3 x u32
export const PLIC_CLAIMED: u32 = DEVICE + 0x320; // 3 x u32
export const PLIC_ENABLE: u32 = DEVICE + 0x330; // 2 contexts x 4 x u32
export const PLIC_THRESHOLD: u32 = DEVICE + 0x350; // 2 x u32
/** Columns u16, rows u16 of the terminal at the console, 0: not known; u32: how often they have changed (devices/virtio-console.ts). */
export const CONSOLE_SIZE: u32 = DEVICE + 0x360;
/** Offset of the first console byte of this guest: those before were another one's, in the same VM. */
export const CONSOLE_BASE: u32 = DEVICE + 0x378;
/** Wall clock, ns since 1970 = 100 * clock time + this, as the log's last word on it made it. */
export const WALL_OFFSET: u32 = DEVICE + 0x380;
/** What the wall clock showed when it was set last: it never shows less. */
export const WALL_FLOOR: u32 = DEVICE + 0x388;
export const RTC: u32 = DEVICE + 0x390; // see devices/rtc.ts
export const VIRTIO: u32 = DEVICE + 0x400; // one slot of 0x100 a device: see devices/virtio-mmio.ts

// --- input sessions --------------------------------------------------------------------------------------------------
export const INPUT_SESSIONS: u32 = 0x3000; // 64 x { id 16 bytes, next u64, lastUse u64 (0: free) }
export const INPUT_SESSION_SIZE: u32 = 32;
export const INPUT_SESSION_COUNT: u32 = 64;

export const INPUT_RING: u32 = 0x10000;
export const INPUT_RING_SIZE: u32 = 0x10000;
export const CONSOLE_RING: u32 = 0x40000;
export const CONSOLE_RING_SIZE: u32 = 0x40000;
export const STATE_END: u32 = 0x80000;

// --- caches ----------------------------------------------------------------------------------------------------------
/** Entries in one TLB, 16 bytes each: tag u64, addend or table u32. Four in the tests' second build, where they push each other out. */
export const TLB_ENTRIES: u32 = isDefined(TINY_TLB) ? 4 : 256;
/** Of a virtual address >> 8: where its entry is in a set. */
export const TLB_SLOTS: u32 = (TLB_ENTRIES - 1) << 4;
export const TLB_BYTES: u32 = TLB_ENTRIES * 16;
/** A TLB is a set for M mode, then a bank of three sets for each of so many address spaces: U, S, S with SUM (hart/tlb.ts). */
export const TLB_BANKS: u32 = isDefined(TINY_TLB) ? 2 : 4;
export const TLB_BANK_BYTES: u32 = TLB_BYTES * 3;
export const TLB_SETS_BYTES: u32 = TLB_BYTES + TLB_BANK_BYTES * TLB_BANKS;
export const TLB_READ: u32 = 0x80000;
export const TLB_WRITE: u32 = TLB_READ + TLB_SETS_BYTES;
export const TLB_EXEC: u32 = TLB_WRITE + TLB_SETS_BYTES;
export const TLB_END: u32 = TLB_EXEC + TLB_SETS_BYTES;
/** For each bank: satp of its address space, without ASID, u64; how often banks had been selected when it was last, u64. */
export const BANK_SPACES: u32 = TLB_END;
/** The linear pages that the walker has read page tables from: u32 each (hart/tlb.ts). */
export const TABLE_PAGES: u32 = BANK_SPACES + TLB_BANKS * 16;
export const TABLE_PAGES_MAX: u32 = 1024;
/** The active ranges of PMP, each start u64, end u64, configuration u32 (hart/pmp.ts). */
export const PMP_RANGES: u32 = TABLE_PAGES + TABLE_PAGES_MAX * 4;
export const PMP_RANGE: u32 = 24;
/**
 * What regions and the host share (hart/regions.ts): how the last call from a region ended, u32; a list of u32 that the host
 * empties: a count, then linear addresses of code that runs often, plus 1 where translated code leads there.
 */
export const REGION_OUTCOME: u32 = 0xe0000;
/** u64 each: how often regions were left by reason (hart/regions.ts), then the instructions that they retired. Figures for people. */
export const REGION_EXITS: u32 = 0xe0010;
export const REGION_RETIRED: u32 = 0xe0028;
/** TLB set of fetches in the present mode, u32, for regions (hart/mmu.ts). */
export const EXEC_SET: u32 = 0xe0030;
export const REGION_SAMPLES: u32 = 0xe0100;
export const REGION_SAMPLES_MAX: u32 = 255;
/** u32 a region: the linear page that it was made from, 0: none. Regions are numbered from 1, as the table numbers functions. */
export const REGION_OWNERS: u32 = 0xe1000;
export const REGION_NUMBERS: u32 = 4096;
/** u32 a region, modulo 2^32: the instructions that it has retired since it was installed. */
export const REGION_HEAT: u32 = 0xe5000;
/** Places without a region that translated code comes to, in a hash table: linear address u32, how often u32 (hart/regions.ts). */
export const REGION_LANDINGS: u32 = 0xe9000;
export const REGION_LANDINGS_SIZE: u32 = 1024;
/** Where the host puts bytes for the machine: an input session's id and its bytes; or what a region was made from. */
export const EXCHANGE: u32 = 0xf0000;
export const EXCHANGE_SIZE: u32 = 0x2000;
/** The buffers of the descriptor chain at hand: { linear address u32, length u32 } each (devices/virtqueue.ts). */
export const SEGMENTS: u32 = 0xf2000;
/**
 * The decoded entry of an instruction that runs alone, made anew each time it runs, and PageEnd entries where the next one would
 * be: it crosses a page, or its page is not one to PMP.
 */
export const LONE_ENTRY: u32 = 0xf8000;

export const RAM_OFFSET: u32 = 0x100000;

/**
 * A decode table: one 8-byte entry per halfword of a page, and two that lead to the next page, at its first and second halfword;
 * then a bit per halfword that regions were made from.
 */
export const DECODE_ENTRY: u32 = 8;
export const DECODE_COVERED: u32 = 2050 * 8;
export const DECODE_TABLE: u32 = DECODE_COVERED + 256;
export const DECODE_TABLES: u32 = 1024;
