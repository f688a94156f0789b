/**
 * The control plane: carries requests to the arbiter and answers back, late, lost or not at all; and brings VMs what they lack: a
 * backup for a primary that is alone, an order to take over where only it sees that the primary is gone.
 */
import type { ArbiterOutcome, ArbiterRequest } from "../../src/hypervisor/messages.ts";
import type { ArbiterAnswer } from "./arbiter.ts";
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedVm } from "./vm.ts";
import type { HostedReplica } from "./worker.ts";

/** No answer in this time is none. */
const ANSWER_WITHIN_US = 20_000;
/** Between two orders to pair. */
const PAIRING_PATIENCE_US = 20_000;

type Told = Omit<ArbiterAnswer, "outcome" | "changed"> & { readonly outcome: ArbiterOutcome };

export class ControlPlane {
  /** It, or its database, is down until then. */
  awayUntilUs = 0;
  /** Workers' hosts that it cannot reach until then. */
  readonly cutOffUntilUs = new Map<number, number>();
  inFlight = 0;
  /** One request or answer in so many gets lost; 0: none. */
  lossOneIn = 0;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly chance: Chance,
    private readonly orders: {
      readonly pair: (vm: SimulatedVm, primary: HostedReplica) => void;
      /** `kept`, of a promotion: the other members who were heard of. */
      readonly granted: (vm: SimulatedVm, asker: HostedReplica, request: ArbiterRequest, kept: ReadonlySet<string>) => void;
    },
  ) {}

  reaches(host: number): boolean {
    return this.scheduler.nowUs >= this.awayUntilUs && this.scheduler.nowUs >= (this.cutOffUntilUs.get(host) ?? 0);
  }

  /** Exactly one answer comes back, if the asker lives. */
  ask(replica: HostedReplica, request: ArbiterRequest): void {
    const { chance, scheduler } = this;
    const { host } = replica.process;
    this.inFlight++;
    scheduler.after(chance.between(50, this.loses() ? 8000 : 600), () => {
      this.inFlight--;
      const lost = !this.reaches(host) || this.loses();
      const answer = lost ? null : this.decide(replica, request);
      // Not lost after all, only late: it is carried out when the asker has long asked again.
      if (lost && chance.oneIn(2)) {
        this.inFlight++;
        scheduler.after(chance.between(1000, 150_000), () => {
          this.inFlight--;
          this.decide(replica, request);
        });
      }
      const told = answer !== null && this.reaches(host) && !this.loses();
      scheduler.after(told ? chance.between(50, 600) : ANSWER_WITHIN_US, () => {
        const { outcome, term, synced }: Told = told ? answer : { outcome: "unavailable", term: 0n, synced: [] };
        replica.process.deliver(this, () => replica.feed({ kind: "arbiterAnswered", request, outcome, term, synced }));
      });
    });
  }

  private hears(replica: HostedReplica | undefined): boolean {
    return replica?.alive === true && this.reaches(replica.process.host) && !this.loses();
  }

  private loses(): boolean {
    return this.lossOneIn > 0 && this.chance.oneIn(this.lossOneIn);
  }

  private decide(replica: HostedReplica, request: ArbiterRequest): ArbiterAnswer {
    const { vm } = replica;
    const isCandidate = request.kind === "addBackup" && this.hears(vm.replicas.get(request.backup));
    // A stopped process has its connection open: only after a while it is taken for gone.
    const primaryIsGone = request.kind === "promote" && (!this.hears(vm.primary) || (!vm.primary?.process.running && this.chance.oneIn(4)));
    const others = request.kind === "promote" ? [...vm.row.synced].filter((member) => member !== replica.id) : [];
    const kept = new Set(others.filter((member) => this.hears(vm.replicas.get(member))));
    const answer = vm.row.decide(replica.id, request, { isCandidate, primaryIsGone, keeps: (member) => kept.has(member) });
    if (answer.changed) this.orders.granted(vm, replica, request, kept);
    return answer;
  }

  /** One pass over a VM: level-triggered, from the row and what workers report. */
  reconcile(vm: SimulatedVm): void {
    const { primary } = vm;
    if (primary === undefined) return;
    if (!primary.alive || primary.process.state === "dead") {
      const heir = [...vm.row.synced].map((id) => vm.replicas.get(id)).find((member) => member?.alive && this.reaches(member.process.host));
      if (heir !== undefined && this.chance.oneIn(8)) this.promote(heir, false);
      return;
    }
    if (!primary.process.running || primary.role !== "primary" || !this.reaches(primary.process.host)) return;
    if (vm.row.synced.size >= vm.wantsBackups || this.scheduler.nowUs < vm.pairingAskedUs + PAIRING_PATIENCE_US) return;
    if (primary.joining !== null) return;
    this.orders.pair(vm, primary);
  }

  promote(heir: HostedReplica, handOver: boolean): void {
    heir.process.deliver(this, () => heir.feed({ kind: "promotionRequested", handOver }));
  }

  failPrimary(primary: HostedReplica): void {
    primary.process.deliver(this, () => primary.feed({ kind: "failureRequested" }));
  }
}
