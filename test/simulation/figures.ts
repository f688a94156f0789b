/** What a run counts, so that one that shows nothing can be told from one in which nothing happened. */
import { FAULT_KINDS, type FaultKind } from "./faults.ts";

const COUNTS = {
  worlds: 0,
  /** Of replicas. */
  steps: 0,
  /** Processes with replicas that ended, by whatever fault. */
  kills: 0,
  killedPrimaries: 0,
  /** Members of a synced set. */
  killedBackups: 0,
  promotions: 0,
  /** Promotions in the place of one that had not gone live. */
  heirsReplaced: 0,
  /** Members of a synced set who went on with a promoted one, and those who had executed more than that had. */
  resumed: 0,
  resumedTooFar: 0,
  pairings: 0,
  /** Of them: of a second or third backup. */
  furtherPairings: 0,
  solos: 0,
  fenced: 0,
  /** Primaries that gave way to a backup in a planned failover, and those that were made to fail. */
  handedOver: 0,
  madeToFail: 0,
  epochs: 0,
  releasedBytes: 0,
  acknowledgedBytes: 0,
  /** Of them: sizes of terminals. */
  resizes: 0,
  /** VMs whose replicas with the state were all killed. */
  lostAllKilled: 0,
  guestsHalted: 0,
  simulatedMs: 0,
};

export type Figures = { -readonly [Name in keyof typeof COUNTS]: number } & {
  /** Faults that struck, by their kind. */
  readonly struck: Record<FaultKind, number>;
};

export function noFigures(): Figures {
  return { ...COUNTS, struck: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number> };
}

export function addFigures(total: Figures, figures: Figures): void {
  for (const name of Object.keys(COUNTS) as (keyof typeof COUNTS)[]) total[name] += figures[name];
  for (const kind of FAULT_KINDS) total.struck[kind] += figures.struck[kind];
}
