/**
 * Carries the replicas' arbiter requests to the control plane and the answers back.
 *
 *     ask ---> open ---- granted | refused | follow ----> answered, forgotten
 *               |  ^
 *               |  '--- ask again, a channel opens or closes: sent again, same requestId, to the next control plane
 *               '---- no answer for a while, or nobody to ask: `unavailable` to the core, still open
 *
 * A request stays open until it has a definite answer, because an answer that was lost may have been a grant: the
 * arbiter knows the request by its id when it comes again.
 */
import { randomUUID } from "node:crypto";
import type { ArbiterOutcome, ArbiterRequest, ReplicaId } from "../hypervisor/messages.ts";
import type { ArbiterRequestMessage, ControlMessage, WorkerMessage } from "../wire/control-messages.ts";

/** With a control channel: the arbiter's own database may be slow, give it this long. */
const ANSWER_WITHIN_MS = 1000;
/** Without one there is nobody to answer, unless it comes back at once. */
const RECONNECT_WITHIN_MS = 100;

export interface ArbiterAnswer {
  readonly request: ArbiterRequest;
  readonly outcome: ArbiterOutcome;
  readonly term: bigint;
  readonly synced: readonly ReplicaId[];
}

interface OpenRequest {
  readonly requestId: string;
  readonly vmId: string;
  readonly replicaId: ReplicaId;
  readonly request: ArbiterRequest;
  readonly answer: (answer: ArbiterAnswer) => void;
  /** How often it was sent before. */
  attempt: number;
  timeout: NodeJS.Timeout | undefined;
}

export class ArbiterClient {
  private readonly open = new Map<string, OpenRequest>();

  /** @param send to one control plane, another at each attempt; false: there is no control channel now */
  constructor(private readonly send: (message: WorkerMessage, attempt: number) => boolean) {}

  ask(vmId: string, replicaId: ReplicaId, request: ArbiterRequest, answer: (answer: ArbiterAnswer) => void): void {
    const message = requestMessage(request);
    let entry = [...this.open.values()].find((open) => open.replicaId === replicaId && same(requestMessage(open.request), message));
    if (entry === undefined) {
      entry = { requestId: randomUUID(), vmId, replicaId, request, answer, attempt: 0, timeout: undefined };
      this.open.set(entry.requestId, entry);
    }
    this.submit(entry);
  }

  /** The control plane's answer; one to a request that is not open any more is of no interest. */
  answered({ requestId, outcome, term, synced = [] }: Extract<ControlMessage, { type: "arbiterAnswer" }>): void {
    const entry = this.open.get(requestId);
    if (entry === undefined) return;
    clearTimeout(entry.timeout);
    if (outcome !== "unavailable") this.open.delete(requestId);
    entry.answer({ request: entry.request, outcome, term: BigInt(term), synced });
  }

  /** A control channel opened or closed: what was on its way when it broke may never have arrived. */
  askAgain(): void {
    for (const entry of this.open.values()) this.submit(entry);
  }

  /** The replica is gone or halted: it has no more questions. */
  forget(replicaId: ReplicaId): void {
    for (const [requestId, entry] of this.open) {
      if (entry.replicaId !== replicaId) continue;
      clearTimeout(entry.timeout);
      this.open.delete(requestId);
    }
  }

  private submit(entry: OpenRequest): void {
    clearTimeout(entry.timeout);
    const { requestId, vmId, replicaId, request } = entry;
    const sent = this.send({ type: "arbiterRequest", requestId, vmId, replicaId, request: requestMessage(request) }, entry.attempt);
    entry.attempt++;
    entry.timeout = setTimeout(
      () => entry.answer({ request, outcome: "unavailable", term: request.term, synced: [] }),
      sent ? ANSWER_WITHIN_MS : RECONNECT_WITHIN_MS,
    );
  }
}

function requestMessage(request: ArbiterRequest): ArbiterRequestMessage {
  const term = request.term.toString();
  switch (request.kind) {
    case "promote":
      return { kind: "promote", term, keepsOthers: true };
    case "goSolo":
      return { kind: "goSolo", term, lost: request.lost, reason: request.reason };
    case "addBackup":
      return { kind: "addBackup", term, backup: request.backup };
  }
}

function same(a: ArbiterRequestMessage, b: ArbiterRequestMessage): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
