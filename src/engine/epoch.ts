/**
 * What goes into an epoch and what comes out of it: the vocabulary that the engine and the hypervisor share.
 *
 * Guest time is counted in ticks of 100 ns (the device tree's timebase of 10 MHz). An instant is the number of
 * instructions the guest has retired since the VM was created.
 */

/** Ticks of guest time in a second: `timebase-frequency` of the device tree. */
export const TIMEBASE_HZ = 10_000_000;

/** `ClockSample.rate` counts ticks per this many retired instructions. */
export const CLOCK_RATE_INSTRUCTIONS = 1 << 24;

/**
 * Guest time within one epoch: `time + ((instant - startInstant) * rate) / CLOCK_RATE_INSTRUCTIONS`, rounded down.
 * The primary samples it at the start of the epoch; it is part of the epoch's record.
 */
export interface ClockSample {
  /** Guest time at the epoch's first instruction, ticks; never below the guest time at which the previous epoch ended. */
  readonly time: bigint;
  /** u32, ticks per 2^24 retired instructions. */
  readonly rate: number;
}

/** Something from the environment that the guest sees at the start of an epoch. Closed: a new kind is a compile error until handled. */
export type EpochInput = SessionInput | EntropyInput | WallClockInput | SysRqInput;

/** What a client says in its input session: each of them takes offsets of it, in their order. */
export type SessionInput = ConsoleInput | ResizeInput;

export interface ConsoleInput {
  readonly kind: "console";
  /** Canonical lower-case UUID of the input session. */
  readonly inputSession: string;
  /** Offset of `bytes[0]` in the input session. */
  readonly offset: bigint;
  /** 1..4096 bytes. */
  readonly bytes: Uint8Array;
}

/** The size of a client's terminal, in characters: 1..65535 each. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** The console's terminal has this size from now on: its virtio port knows it, and the guest's driver of that is told. */
export interface ResizeInput {
  readonly kind: "resize";
  readonly inputSession: string;
  /** In the input session, of which it takes this one. */
  readonly offset: bigint;
  readonly size: TerminalSize;
}

/** What the guest's outstanding request for random bytes is done with. */
export interface EntropyInput {
  readonly kind: "entropy";
  /** 1..256 bytes, no more than the request takes. */
  readonly bytes: Uint8Array;
}

/** What time it is in the world: the guest's real-time clock shows it from now on, and goes on with guest time. */
export interface WallClockInput {
  readonly kind: "wallClock";
  /** Nanoseconds since 1970, below 2^63. */
  readonly unixNs: bigint;
}

/** A break and a key at the guest's serial terminal: for the kernel itself, whoever reads the console. */
export interface SysRqInput {
  readonly kind: "sysRq";
  readonly key: SysRqKey;
}

/** Flush what is written, remount read-only, power off (Linux, Documentation/admin-guide/sysrq.rst). */
export type SysRqKey = "s" | "u" | "o";

/** Of `TerminalSize`, each. */
export const TERMINAL_SIZE_MAX = 65_535;

/** Of one `EntropyInput`. */
export const ENTROPY_BYTES_MAX = 256;

/** Bound of `WallClockInput.unixNs`: the year 2262. */
export const WALL_CLOCK_END_NS = 2n ** 63n;

/**
 * Why a run stopped.
 * `limit`: exactly the instant asked for. `wfi`: the hart waits and no interrupt is pending.
 * `output`: so much console output came that it must be taken first. `stopped`: an early end was asked for.
 * `halted`: the guest powered off or reset; it never runs again.
 */
export type EpochEnd = "limit" | "wfi" | "output" | "stopped" | "halted";

/** How a guest ended itself. */
export type GuestHalt = "poweroff" | "reboot" | "panic";
