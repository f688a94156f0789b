/** A VM as the simulation sees it: its row, its replicas, what it has let out, and who checks that. */
import type { ArbiterRequest } from "../../src/hypervisor/messages.ts";
import { TermRow } from "./arbiter.ts";
import { BoundedMemory } from "./checkers/bounded-memory.ts";
import { EqualStates } from "./checkers/equal-states.ts";
import { OneWriter } from "./checkers/one-writer.ts";
import { ReleasedOutput } from "./checkers/released-output.ts";
import { SyncedHoldsRecords } from "./checkers/synced-holds-records.ts";
import type { GuestKind } from "./guest.ts";
import type { ExecutedEpoch } from "./history.ts";
import type { HostedReplica } from "./worker.ts";

export class SimulatedVm {
  readonly row: TermRow;
  readonly replicas = new Map<string, HostedReplica>();
  /** Of them: whose process lives and who have not halted. */
  readonly living = new Set<HostedReplica>();
  readonly output: ReleasedOutput;
  readonly oneWriter = new OneWriter();
  readonly equalStates = new EqualStates();
  readonly syncedHoldsRecords: SyncedHoldsRecords;
  readonly boundedMemory: BoundedMemory;
  /** By the backup that it was captured for: where the state that it gets stands. */
  readonly captured = new Map<string, ExecutedEpoch | null>();
  /** Backups that hold whatever has left the primary: by what was granted, and not by what the row says of it. */
  readonly holders = new Set<string>();
  latestHeir: HostedReplica | null = null;
  pairingAskedUs = 0;
  wantsBackups = 1;
  ended = false;

  constructor(
    readonly id: string,
    firstPrimary: string,
    kind: GuestKind,
  ) {
    this.row = new TermRow(id, firstPrimary);
    this.output = new ReleasedOutput(kind);
    this.syncedHoldsRecords = new SyncedHoldsRecords((replica) => this.replicas.get(replica)?.heldEpoch ?? -1n);
    this.boundedMemory = new BoundedMemory(kind.instructionsPerUs);
  }

  get primary(): HostedReplica | undefined {
    return this.replicas.get(this.row.primary);
  }

  granted(request: ArbiterRequest, kept: ReadonlySet<string>): void {
    switch (request.kind) {
      case "promote":
        for (const holder of this.holders) if (!kept.has(holder)) this.holders.delete(holder);
        return;
      case "goSolo":
        this.holders.delete(request.lost);
        return;
      case "addBackup":
        this.holders.add(request.backup);
        return;
    }
  }

  /** Somebody else lives who has the VM, or could be given it. */
  hasOtherMember(than: string): boolean {
    const { row } = this;
    if (row.primary !== than && this.lives(row.primary)) return true;
    for (const id of row.synced) if (id !== than && this.lives(id)) return true;
    return false;
  }

  private lives(id: string): boolean {
    return this.replicas.get(id)?.alive === true;
  }
}
