/**
 * When an engine thread moves its machine into fresh memory: when the guest has done a lot since it was moved last, as a boot is, and
 * idles now. What it costs, some 2 ms for each MiB in use, is spent while the guest waits, a piece at a time, so that input
 * waits for a piece at most; the last pages are copied behind an epoch with a hash, at whose instant both are known to be equal.
 *
 *     working --has waited for long--> copying --an epoch ends with its hash, little is left--> moved: working
 *        ^                               |
 *        '-------------------------------'-- the guest works, a state transfer begins, there is more than is worth it
 */
import { UnderstudyError } from "../base/errors.ts";
import { Compaction } from "../engine/compaction.ts";
import type { VirtualMachine } from "../engine/virtual-machine.ts";
import { collectGarbage } from "./collect-garbage.ts";

/** Instructions that may leave something behind that is worth the move; Debian boots in 365 million, of which a backup may see a part. */
const WORK = 100_000_000n;
/** A guest that waits has idled so long where it has executed little meanwhile. */
const IDLE_MS = 3000;
/** Meanwhile: some 3 % of a processor. */
const LITTLE_WORK = 30_000_000n;
const STEP_BYTES = 1024 * 1024;
/** What is copied at the end, in one piece: 1 MiB. */
const PAGES_AT_END = 256;
/** Both memories are there while it lasts: 128 MiB more, and a worker has promised its memory to guests. */
const PAGES_MAX = 32_768;

export class IdleCompaction {
  /** Instructions since the machine's memory was fresh, and since the guest was seen to idle. */
  private executed = 0n;
  private executedIdle = 0n;
  private idleSinceMs: number | null = null;
  private compaction: Compaction | null = null;
  private timer: NodeJS.Immediate | null = null;

  /** @param moved hears of the machine's new memory: nobody may use the old one any more */
  constructor(private readonly moved: (machine: VirtualMachine) => void) {}

  /** An epoch that others follow without a wait. */
  worked(instructions: bigint): void {
    this.executed += instructions;
    this.executedIdle += instructions;
  }

  /** @param hashed the machine's state was hashed at the epoch's end, and the changed pages told */
  epochEnded(machine: VirtualMachine, instructions: bigint, hashed: boolean, nowMs: number): void {
    this.worked(instructions);
    const waits = machine.waiting && machine.halt === null;
    if (!waits || this.executedIdle > LITTLE_WORK) this.stop();
    if (!waits) return;
    this.idleSinceMs ??= nowMs;
    if (this.compaction === null) {
      if (this.executed >= WORK && nowMs - this.idleSinceMs >= IDLE_MS) this.begin(machine);
    } else if (hashed && this.compaction.pagesLeft <= PAGES_AT_END) {
      this.finish(this.compaction);
    }
  }

  /** The guest does not idle, or the machine is to make a state transfer. */
  stop(): void {
    if (this.timer !== null) clearImmediate(this.timer);
    this.timer = null;
    this.compaction?.stop();
    this.over();
    this.idleSinceMs = null;
    this.executedIdle = 0n;
  }

  private begin(machine: VirtualMachine): void {
    const compaction = begun(machine);
    if (compaction === null) {
      this.giveUp();
      return;
    }
    this.compaction = compaction;
    const step = (): void => {
      this.timer = null;
      compaction.step(STEP_BYTES);
      if (compaction.pagesLeft > PAGES_MAX) this.giveUp();
      else if (compaction.pagesLeft > PAGES_AT_END) this.timer = setImmediate(step);
    };
    this.timer = setImmediate(step);
  }

  private giveUp(): void {
    this.stop();
    this.executed = 0n;
  }

  private finish(compaction: Compaction): void {
    const machine = compaction.finish();
    this.executed = 0n;
    this.moved(machine);
    this.over();
  }

  /** One of two memories is garbage now. */
  private over(): void {
    if (this.compaction !== null) setImmediate(collectGarbage);
    this.compaction = null;
  }
}

/** Null: the host has no memory for a second one. */
function begun(machine: VirtualMachine): Compaction | null {
  try {
    return new Compaction(machine);
  } catch (error) {
    if ((error instanceof UnderstudyError && error.code === "out_of_memory") || error instanceof RangeError) return null;
    throw error;
  }
}
