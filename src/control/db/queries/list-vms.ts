/** A page of VMs in a chosen order, and the event number at which the page is true. */
import { and, asc, desc, eq, ne, type SQL, sql } from "drizzle-orm";
import type { LabelRequirement } from "../../domain/label-selector.ts";
import type { ProtectionState } from "../../domain/protection.ts";
import type { VmState } from "../../domain/vm-state.ts";
import type { Database } from "../database.ts";
import { vms } from "../schema.ts";
import { labelConditions } from "./label-conditions.ts";
import { type LoadedVm, loadVms } from "./read-vm.ts";

export interface VmFilter {
  readonly state?: VmState;
  readonly protection?: ProtectionState;
  readonly name?: string;
  readonly labels: readonly LabelRequirement[];
  /** Only VMs with a replica on this worker, by id. */
  readonly workerId?: string;
  /** Only VMs with a replica in this zone. */
  readonly zone?: string;
}

/** By what never changes, or hardly: a page token names a place that is still there. Those without a name come first by name. */
export const VM_ORDERS = ["createdAt", "createdAt desc", "name", "name desc"] as const;
export type VmOrder = (typeof VM_ORDERS)[number];

/** Keyset cursor: the last VM of the page before, `key` being what is ordered by. */
export interface VmCursor {
  readonly key: string;
  readonly id: string;
}

export interface VmPage {
  readonly items: readonly LoadedVm[];
  readonly next: VmCursor | null;
  readonly resourceVersion: bigint;
}

interface VmPageQuery {
  readonly order: VmOrder;
  readonly after: VmCursor | null;
  readonly pageSize: number;
}

export function listVms(database: Database, filter: VmFilter, { order, after, pageSize }: VmPageQuery): Promise<VmPage> {
  const key = order.startsWith("name") ? sql<string>`coalesce(${vms.name}, '') COLLATE "C"` : sql<string>`${vms.createdAt}`;
  const descends = order.endsWith(" desc");
  const direction = descends ? desc : asc;
  return database.transaction(async ({ db }) => {
    // One snapshot for the page and its event number: list-then-watch has no hole.
    await db.execute(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`);
    const conditions: SQL[] = [eq(vms.project, "default")];
    if (filter.state === undefined) conditions.push(ne(vms.state, "deleted"));
    else conditions.push(sql`${vms.state} = ${filter.state}`);
    if (filter.protection !== undefined) conditions.push(sql`${vms.protectionState} = ${filter.protection}`);
    if (filter.name !== undefined) conditions.push(eq(vms.name, filter.name));
    conditions.push(...labelConditions(vms.labels, filter.labels));
    if (filter.workerId !== undefined) {
      conditions.push(
        sql`EXISTS (SELECT FROM replicas r WHERE r.vm_id = ${vms.id} AND r.gone_at IS NULL AND r.worker_id = ${filter.workerId})`,
      );
    }
    if (filter.zone !== undefined) {
      conditions.push(sql`EXISTS (
        SELECT FROM replicas r JOIN workers w ON w.id = r.worker_id WHERE r.vm_id = ${vms.id} AND r.gone_at IS NULL AND w.zone = ${filter.zone})`);
    }
    if (after !== null) {
      const from = order.startsWith("name") ? sql`${after.key}` : sql`${after.key}::timestamptz`;
      conditions.push(descends ? sql`(${key}, ${vms.id}) < (${from}, ${after.id})` : sql`(${key}, ${vms.id}) > (${from}, ${after.id})`);
    }
    const rows = await db
      .select({ vm: vms, cursor: sql<string>`(${key})::text` })
      .from(vms)
      .where(and(...conditions))
      .orderBy(direction(key), direction(vms.id))
      .limit(pageSize + 1);
    const page = rows.slice(0, pageSize);
    const last = page.at(-1);
    const clock = await db.execute<{ seq: string }>(sql`SELECT seq FROM event_clock WHERE id = 1`);
    return {
      items: await loadVms(
        db,
        page.map(({ vm }) => vm),
      ),
      next: rows.length > pageSize && last !== undefined ? { key: last.cursor, id: last.vm.id } : null,
      resourceVersion: BigInt(clock.rows[0]?.seq ?? 0),
    };
  });
}
