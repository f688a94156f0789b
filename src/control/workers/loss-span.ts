/**
 * The loss of a backup as a span: from the request of its primary, which has lost it, to the arbiter's grant. It is the root of a trace,
 * which the repair after it is part of; that of a failover is `reconcile/failover-spans.ts`.
 */
import type { Span, Tracer } from "../../tracing/tracer.ts";
import type { VmRow } from "../db/schema.ts";
import { reasonOfSolo } from "../domain/protection.ts";
import type { TermChange } from "../domain/term-change.ts";

export class LossSpan {
  private readonly tracer: Tracer;
  private readonly change: TermChange;
  private readonly askedMs = Date.now();
  private span: Span | null = null;

  constructor(tracer: Tracer, change: TermChange) {
    this.tracer = tracer;
    this.change = change;
  }

  /** @returns its trace context, which the repair belongs to; null: it is not traced */
  begin({ id, repairOrigin }: VmRow): string | null {
    const { change } = this;
    if (change.kind !== "goSolo") return null;
    this.span = this.tracer.start("backup lost", {
      parent: null,
      // What the backup was there for.
      links: repairOrigin === null ? [] : [repairOrigin.traceparent],
      startMs: this.askedMs,
      attributes: {
        "understudy.vm.id": id,
        "understudy.replica.id": change.lost,
        "understudy.loss.cause": reasonOfSolo(change.reason),
        "understudy.loss.noticed_by": change.asker,
      },
    });
    return this.span.traceparent;
  }

  /** The loss is committed. */
  end({ term }: { readonly term: bigint }): void {
    this.span?.set({ "understudy.vm.term": term.toString() });
    this.span?.end();
  }
}
