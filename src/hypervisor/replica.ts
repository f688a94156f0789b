/**
 * A replica of a VM: a primary, or a backup that may become one.
 *
 *     createBackup --> backup --granted, log drained--> primary <-- createPrimary
 *                        |                                 |
 *                        '------------> halted <-----------'
 *
 * Every step begins with the question who has been silent for too long, before the input is looked at. After a halt a
 * replica does nothing more.
 */
import { assert } from "../base/assert.ts";
import { Backup } from "./backup.ts";
import { EpochPacing } from "./epoch-pacing.ts";
import { INPUT_RING_BYTES, InputSessions } from "./input-buffer.ts";
import type { Effect, HaltReason, NotableStatus, Replica, ReplicaConfig, ReplicaInput, ReplicaState, ReplicaStatus } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { Primary } from "./primary.ts";
import { WallClock } from "./wall-clock.ts";

const NOBODY = { members: [], author: "", log: [], opened: [], sinceUs: 0 };

/**
 * The only replica of a guest, before its first instruction.
 *
 * @param term the guest's first, given by the arbiter
 * @param consoleBase offset of the first console byte of this guest: another one of the same VM may have written before
 * @param paused the guest does not begin before it is resumed
 */
export function createPrimary(config: ReplicaConfig, term: bigint, consoleBase = 0n, paused = false): Replica {
  const outbox = new Outbox();
  const start = {
    term,
    point: { epoch: 0n, instant: 0n, time: 0n, wakeTime: null, waiting: false, consoleEnd: consoleBase },
    sessions: new InputSessions(),
    inputRoom: INPUT_RING_BYTES,
    entropyWanted: 0,
    wallClock: new WallClock(),
    pacing: new EpochPacing(config.epochTargetMs),
    maxLagMs: config.maxLagMs,
    guestHalt: null,
    paused,
    promotion: null,
    inheritance: NOBODY,
  };
  return new EitherRole(config, outbox, new Primary(config, outbox, start));
}

/** A replica without state: it waits for its primary to open the logging channel. */
export function createBackup(config: ReplicaConfig): Replica {
  const outbox = new Outbox();
  return new EitherRole(config, outbox, new Backup(config, outbox));
}

class EitherRole implements Replica {
  private started = false;
  private halted = false;
  private lastNowUs = 0;
  private known: NotableStatus;

  constructor(
    private readonly config: ReplicaConfig,
    private readonly outbox: Outbox,
    private role: Primary | Backup,
  ) {
    this.known = role.notable();
  }

  step(input: ReplicaInput, nowUs: number): readonly Effect[] {
    assert(Number.isSafeInteger(nowUs), () => `time is whole microseconds, not ${nowUs}`);
    assert(nowUs >= this.lastNowUs, () => `time does not go back from ${this.lastNowUs} to ${nowUs}`);
    this.lastNowUs = nowUs;
    if (this.halted) return [];
    if (input.kind === "started") {
      assert(!this.started, `"started" is the first input, and only the first`);
      this.started = true;
    } else assert(this.started || input.kind === "wallClock", () => `"started" is the first input, not "${input.kind}"`);

    if (input.kind === "timeout") this.outbox.fired(input.timer.kind);
    this.role.handle(input, nowUs);
    if (this.role instanceof Backup && this.role.readyToGoLive) this.enterPromoted(this.role, nowUs);

    this.halted = this.outbox.haltReason !== null;
    const { known } = this;
    this.known = this.role.notable();
    return this.outbox.take(this.halted || differs(this.known, known));
  }

  status(): ReplicaStatus {
    const { haltReason } = this.outbox;
    const known = this.role.notable();
    const progress = this.role.progress();
    // One by one: a copy of whole objects takes several times as long, and the simulator asks often.
    return {
      replicaId: this.config.replicaId,
      role: known.role,
      state: haltReason === null ? known.state : stateOfHalted(haltReason),
      term: known.term,
      point: progress.point,
      synced: known.synced,
      joining: known.joining,
      lagInstructions: progress.lagInstructions,
      lagSinceUs: progress.lagSinceUs,
      untoldSinceUs: progress.untoldSinceUs,
      maxLagMs: known.maxLagMs,
      executionDelay: progress.executionDelay,
      hashesCompared: progress.hashesCompared,
      outputCommitDelay: progress.outputCommitDelay,
      guestShare: progress.guestShare,
      arbiterUnavailable: known.arbiterUnavailable,
      paused: known.paused,
      guestHalt: known.guestHalt,
      haltReason,
      promotion: progress.promotion,
      divergence: known.divergence,
    };
  }

  inputNext(inputSession: string): bigint {
    return this.role.inputNext(inputSession);
  }

  private enterPromoted(backup: Backup, nowUs: number): void {
    const { start, time } = backup.handOver(nowUs);
    const primary = new Primary(this.config, this.outbox, start);
    this.role = primary;
    primary.goLive(time, nowUs);
  }
}

/** Every step asks: fields by identity, so a role keeps its lists until they change. */
function differs(a: NotableStatus, b: NotableStatus): boolean {
  return (
    a.role !== b.role ||
    a.state !== b.state ||
    a.term !== b.term ||
    a.synced !== b.synced ||
    a.joining !== b.joining ||
    a.arbiterUnavailable !== b.arbiterUnavailable ||
    a.paused !== b.paused ||
    a.guestHalt !== b.guestHalt ||
    a.divergence !== b.divergence ||
    a.maxLagMs !== b.maxLagMs
  );
}

function stateOfHalted(reason: HaltReason): ReplicaState {
  return reason === "fenced" ? "fenced" : "stopped";
}
