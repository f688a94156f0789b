/**
 * Carries a replica's request to the arbiter, and the answer back. The database decides; where it does not answer, or what it is to
 * look at is not known yet, the replica is told so and asks again: safety before availability.
 */
import type { WorkerMessage } from "../../wire/control-messages.ts";
import type { ControlPlane } from "../control-plane.ts";
import { isDatabaseUnavailable } from "../db/unavailable.ts";
import type { TermChange } from "../domain/term-change.ts";
import { LossSpan } from "./loss-span.ts";
import { orderFollowers } from "./order-followers.ts";
import type { WorkerLink } from "./worker-link.ts";

type ArbiterRequest = Extract<WorkerMessage, { type: "arbiterRequest" }>;

export async function answerArbiterRequest(control: ControlPlane, link: WorkerLink, message: ArbiterRequest): Promise<void> {
  const { requestId, vmId, replicaId, request } = message;
  const log = control.log.child({ vmId, replicaId, worker: link.worker.name, request: request.kind, term: request.term });
  const change = toTermChange(control, message);
  if (change.kind === "addBackup" && control.workers.mayYetCome(change.backup)) {
    // A refusal would throw all of its state away.
    log.info("arbiter: the backup's worker has had no time to come back, the replica will ask again");
    link.send({ type: "arbiterAnswer", requestId, outcome: "unavailable", term: request.term });
    return;
  }
  try {
    const loss = new LossSpan(control.tracer, change);
    const decision = control.arbiter.decide(change, {
      workerId: link.worker.id,
      cause: causeOf(control, vmId, replicaId),
      isReachable: (backup) => control.workers.holderOf(backup) !== null,
      isGone: (primary) => control.workers.isGone(primary),
      traceLoss: (vm) => loss.begin(vm),
    });
    const answer = await (change.kind === "promote" ? control.reconciler.giveWay(decision) : decision);
    if (answer.changed) loss.end(answer);
    log.info(
      { outcome: answer.outcome, termNow: answer.term.toString(), repeated: !answer.changed },
      `arbiter: ${request.kind} ${answer.outcome}`,
    );
    const { synced, term } = answer;
    // One of an older version cannot follow: it asks again, until its new primary has let it go.
    const outcome =
      answer.outcome === "follow" && request.kind === "promote" && request.keepsOthers !== true ? "unavailable" : answer.outcome;
    link.send({ type: "arbiterAnswer", requestId, outcome, term: term.toString(), synced });
    if (change.kind === "promote" && outcome === "granted" && synced.length > 0) await orderFollowers(control, link, replicaId, synced);
  } catch (error) {
    if (isDatabaseUnavailable(error))
      log.warn({ code: "arbiter_unavailable" }, "arbiter_unavailable: the database does not answer, the replica will ask again");
    else log.error({ err: error }, "arbiter failed");
    link.send({ type: "arbiterAnswer", requestId, outcome: "unavailable", term: request.term });
  }
  control.reconciler.kick();
}

function toTermChange({ workers }: ControlPlane, { vmId, replicaId, request }: ArbiterRequest): TermChange {
  const base = { vmId, asker: replicaId, term: BigInt(request.term) };
  switch (request.kind) {
    case "promote":
      return { ...base, kind: "promote", keeps: (member) => request.keepsOthers === true && !workers.isGone(member) };
    case "goSolo":
      return { ...base, kind: "goSolo", lost: request.lost, reason: request.reason };
    case "addBackup":
      return { ...base, kind: "addBackup", backup: request.backup };
  }
}

/** A primary whose worker still talks to us is cut off from its backup; one that does not is gone. */
function causeOf(control: ControlPlane, vmId: string, asker: string): "worker_lost" | "connection_lost" {
  const primary = control.workers.primaryOf(vmId);
  return primary !== null && primary.report.replicaId !== asker && control.workers.isResponsive(primary.link)
    ? "connection_lost"
    : "worker_lost";
}
