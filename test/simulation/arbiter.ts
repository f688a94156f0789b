/** The arbiter: one row for each VM, changed as the control plane's own rules have it (src/control/domain/term-change.ts). */
import { decideTermChange, syncedAfter, type TermChange, type TermFacts } from "../../src/control/domain/term-change.ts";
import type { ArbiterRequest, ReplicaId } from "../../src/hypervisor/messages.ts";

export interface ArbiterAnswer {
  readonly outcome: "granted" | "refused" | "follow";
  readonly changed: boolean;
  readonly term: bigint;
  readonly synced: readonly ReplicaId[];
}

/** What the control plane knows beside the row. */
export interface AtAsking {
  /** `addBackup`: the backup's worker can be reached. */
  readonly isCandidate: boolean;
  /** `promote`: the primary is not heard of. It may be wrong. */
  readonly primaryIsGone: boolean;
  /** `promote`: this other member is heard of. */
  readonly keeps: (member: ReplicaId) => boolean;
}

/** What the database holds of a VM. */
export class TermRow {
  term = 1n;
  primarySinceTerm = 1n;
  synced: ReadonlySet<ReplicaId> = new Set();
  /** Backups that were told that they will not be promoted, or that belong to an older primary: never added any more. */
  readonly writtenOff = new Set<ReplicaId>();
  /** Who was given each term. */
  readonly holders: Map<bigint, ReplicaId>;
  private transition: TermFacts["transition"] = { kind: "create", by: null, replica: null };

  constructor(
    private readonly vmId: string,
    public primary: ReplicaId,
  ) {
    this.holders = new Map([[1n, primary]]);
  }

  isMember(replica: ReplicaId): boolean {
    return this.primary === replica || this.synced.has(replica);
  }

  decide(asker: ReplicaId, request: ArbiterRequest, at: AtAsking): ArbiterAnswer {
    const base = { vmId: this.vmId, asker };
    const change: TermChange = request.kind === "promote" ? { ...request, ...base, keeps: at.keeps } : { ...request, ...base };
    switch (decideTermChange(this.facts(request, at), change)) {
      case "repeat":
        return this.answer("granted", false);
      case "refuse":
        if (request.kind === "promote" && asker !== this.primary) this.writtenOff.add(asker);
        return this.answer("refused", false);
      case "follow":
        return { ...this.answer("follow", false), term: this.primarySinceTerm };
      case "change":
        this.change(change);
        return this.answer("granted", true);
    }
  }

  private answer(outcome: ArbiterAnswer["outcome"], changed: boolean): ArbiterAnswer {
    return { outcome, changed, term: this.term, synced: [...this.synced] };
  }

  private facts(request: ArbiterRequest, { isCandidate, primaryIsGone }: AtAsking): TermFacts {
    const { term, primary, primarySinceTerm, synced, transition } = this;
    return {
      term,
      primaryReplica: primary,
      primarySinceTerm,
      synced: [...synced],
      transition,
      wanted: true,
      primaryIsGone,
      askerIsCutOff: false,
      isCandidate: isCandidate && request.kind === "addBackup" && !this.writtenOff.has(request.backup),
    };
  }

  private change(change: TermChange): void {
    const { asker, kind } = change;
    const before = this.synced;
    this.term++;
    this.synced = new Set(syncedAfter([...before], change));
    if (kind === "promote") {
      this.writtenOff.add(this.primary);
      this.primary = asker;
      this.primarySinceTerm = this.term;
      for (const member of before) if (member !== asker && !this.synced.has(member)) this.writtenOff.add(member);
    }
    this.transition = { kind, by: asker, replica: replicaOf(change) };
    this.holders.set(this.term, this.primary);
  }
}

function replicaOf(change: TermChange): ReplicaId {
  switch (change.kind) {
    case "promote":
      return change.asker;
    case "goSolo":
      return change.lost;
    case "addBackup":
      return change.backup;
  }
}
