/** The arbiter: one row for each VM, changed as the control plane's own rules have it (src/control/domain/term-change.ts). */
import { decideTermChange, type TermFacts } from "../../src/control/domain/term-change.ts";
import type { ArbiterRequest, ReplicaId } from "../../src/hypervisor/messages.ts";

interface ArbiterAnswer {
  readonly granted: boolean;
  readonly changed: boolean;
  readonly term: bigint;
}

/** What the database holds of a VM. */
export class TermRow {
  term = 1n;
  primarySinceTerm = 1n;
  readonly synced = new Set<ReplicaId>();
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

  /** @param isCandidate for `addBackup`: the backup's worker can be reached */
  decide(asker: ReplicaId, request: ArbiterRequest, isCandidate: boolean): ArbiterAnswer {
    switch (decideTermChange(this.facts(request, isCandidate), { ...request, vmId: this.vmId, asker })) {
      case "repeat":
        return { granted: true, changed: false, term: this.term };
      case "refuse":
        if (request.kind === "promote" && asker !== this.primary) this.writtenOff.add(asker);
        return { granted: false, changed: false, term: this.term };
      case "change":
        this.change(asker, request);
        return { granted: true, changed: true, term: this.term };
    }
  }

  private facts(request: ArbiterRequest, isCandidate: boolean): TermFacts {
    const { term, primary, primarySinceTerm, synced, transition } = this;
    return {
      term,
      primaryReplica: primary,
      primarySinceTerm,
      synced: [...synced],
      transition,
      wanted: true,
      isCandidate: isCandidate && request.kind === "addBackup" && !this.writtenOff.has(request.backup),
    };
  }

  private change(asker: ReplicaId, request: ArbiterRequest): void {
    this.term++;
    switch (request.kind) {
      case "promote":
        this.writtenOff.add(this.primary);
        for (const member of this.synced) if (member !== asker) this.writtenOff.add(member);
        this.primary = asker;
        this.primarySinceTerm = this.term;
        this.synced.clear();
        break;
      case "goSolo":
        this.synced.delete(request.lost);
        break;
      case "addBackup":
        this.synced.add(request.backup);
        break;
    }
    this.transition = { kind: request.kind, by: asker, replica: replicaOf(asker, request) };
    this.holders.set(this.term, this.primary);
  }
}

function replicaOf(asker: ReplicaId, request: ArbiterRequest): ReplicaId {
  switch (request.kind) {
    case "promote":
      return asker;
    case "goSolo":
      return request.lost;
    case "addBackup":
      return request.backup;
  }
}
