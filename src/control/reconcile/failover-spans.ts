/**
 * A failover as spans: one root, or a part of the drain that hands over, and a child for each of its phases. Their lengths are those of the record, which the new primary has
 * measured; they are laid end to end around the instant at which the arbiter's transaction began, in which the promotion was granted.
 *
 *     failover |-- detect --|- arbitrate -|-- promote --|          first_output |---- may come later ----|
 *                                         ^ grantedAt   ^ live                  ^ live
 */
import type { Span, Tracer } from "../../tracing/tracer.ts";
import type { FailoverRow, StoredGapMs, StoredOrigin } from "../db/schema.ts";

/** @param links what asked for it, and what the VM's backup was there for */
export function beginFailoverSpan(
  tracer: Tracer,
  failover: FailoverRow,
  gapMs: StoredGapMs,
  links: readonly (StoredOrigin | null)[],
): Span {
  const { mode, term, fromReplica, toReplica, operationId, origin } = failover;
  return tracer.start("failover", {
    parent: origin?.traceparent ?? null,
    links: links.flatMap((link) => (link === null ? [] : [link.traceparent])),
    startMs: Math.min(failover.startedAt.getTime(), grantedMs(failover) - gapMs.arbitrate - gapMs.detect),
    attributes: {
      "understudy.failover.id": failover.id,
      "understudy.failover.mode": mode ?? "unplanned",
      "understudy.vm.id": failover.vmId,
      "understudy.vm.term": term?.toString(),
      "understudy.failover.from_replica": fromReplica ?? undefined,
      "understudy.failover.to_replica": toReplica,
      "understudy.operation.id": operationId ?? undefined,
    },
  });
}

export function endFailoverSpan(
  tracer: Tracer,
  span: Span,
  failover: FailoverRow,
  gapMs: StoredGapMs,
  outcome: { readonly cause: string; readonly firstOutputMs: number | null; readonly instant: string; readonly consoleEnd: string },
): void {
  const granted = grantedMs(failover);
  const live = granted + gapMs.promote;
  const asked = granted - gapMs.arbitrate;
  phase(tracer, span.traceparent, "detect", asked - gapMs.detect, asked);
  phase(tracer, span.traceparent, "arbitrate", asked, granted);
  phase(tracer, span.traceparent, "promote", granted, live);
  if (outcome.firstOutputMs !== null) phase(tracer, span.traceparent, "first_output", live, live + outcome.firstOutputMs);
  span.set({
    "understudy.failover.cause": outcome.cause,
    "understudy.failover.gap_ms": gapMs.total,
    "understudy.vm.instant": outcome.instant,
    "understudy.console.offset": outcome.consoleEnd,
  });
  span.end({ endMs: live });
}

/** Where the guest wrote only after its failover was told of. */
export function traceFirstOutput(tracer: Tracer, failover: FailoverRow, firstOutputMs: number): void {
  const { traceparent, gapMs } = failover;
  if (traceparent === null || gapMs === null) return;
  const live = grantedMs(failover) + gapMs.promote;
  phase(tracer, traceparent, "first_output", live, live + firstOutputMs);
}

function phase(tracer: Tracer, parent: string | null, name: string, startMs: number, endMs: number): void {
  tracer.start(`failover ${name}`, { parent, startMs, attributes: { "understudy.failover.phase": name } }).end({ endMs });
}

/** A control plane of an older version did not note it: the failover was begun then, where nobody had asked for it. */
function grantedMs({ grantedAt, startedAt }: FailoverRow): number {
  return (grantedAt ?? startedAt).getTime();
}
