/** What the decisions of this room know of a replica: its row, the link to its worker, and the worker's newest report. */
import type { ConsoleRetention } from "./console-retention.ts";

/** The parts of a worker's report that decisions are made of. */
export interface ReportFacts {
  readonly role: "primary" | "backup";
  readonly state: "syncing" | "live" | "promoting" | "fenced" | "stopped" | "failed";
  readonly term: bigint;
  readonly joining: string | null;
  /** A primary whose guest stands still because it was paused. */
  readonly paused: boolean;
  readonly guestHalt: string | null;
  readonly haltReason: string | null;
  readonly message: string | null;
  /** Undefined: a worker of an older version does not say. */
  readonly lag?: { readonly maxMs: number } | undefined;
  /** Undefined: its worker cannot be told another. */
  readonly console?: ConsoleRetention;
}

/**
 * `connected`: the worker's channel is open and answers. `silent`: it is open, and nothing has come for a while.
 * `missing`: it closed a short time ago, or this control plane has just started.
 * `lost`: it has been away for too long, or its process is known to be gone.
 */
export type LinkState = "connected" | "silent" | "missing" | "lost";

export interface ReplicaFacts {
  readonly id: string;
  readonly role: "primary" | "backup";
  readonly state: "placing" | "syncing" | "live" | "promoting" | "draining" | "lost" | "fenced" | "stopped";
  readonly stateReason: string | null;
  readonly workerId: string;
  readonly link: LinkState;
  readonly awayForMs: number;
  /** Its worker is fenced: nothing will be heard of it any more. */
  readonly cutOff: boolean;
  /** Another one shall take its place before it is dropped: its worker is being drained, or it is to be elsewhere. */
  readonly leaving: boolean;
  /** It shall be dropped now. */
  readonly unwanted: boolean;
  readonly report: ReportFacts | null;
  /** Its worker has answered again for so short a time that it may still find out by itself that it is fenced. */
  readonly fencingGrace: boolean;
  /** It reported that it will never run again, and not because the guest ended. */
  readonly broken: boolean;
}

/** Nothing is made of it any more, though its worker may still hold it. */
export function isWrittenOff({ state }: Pick<ReplicaFacts, "state">): boolean {
  return state === "lost" || state === "fenced" || state === "stopped";
}

/** A replica that reported this has nothing more to give. */
export function isBroken(report: Pick<ReportFacts, "state" | "guestHalt"> | null): boolean {
  if (report === null) return false;
  if (report.state === "failed" || report.state === "fenced") return true;
  return report.state === "stopped" && report.guestHalt === null;
}
