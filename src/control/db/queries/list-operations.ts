/** A page of operations, newest first. */
import { and, desc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { OperationKind } from "../../domain/operations.ts";
import type { Queryable } from "../database.ts";
import { type OperationRow, operations } from "../schema.ts";

/** Keyset cursor of a list in the order of creation: the last row of the page before. */
export interface CreatedCursor {
  readonly createdAt: string;
  readonly id: string;
}

export interface OperationFilter {
  readonly state?: OperationRow["state"] | undefined;
  readonly kind?: OperationKind | undefined;
  readonly vmId?: string | undefined;
  readonly workerId?: string | undefined;
}

export interface OperationPage {
  readonly items: readonly OperationRow[];
  /** Keyset cursor: the last operation of this page; null on the last page. */
  readonly next: CreatedCursor | null;
}

export async function listOperations(
  db: Queryable,
  filter: OperationFilter,
  after: CreatedCursor | null,
  pageSize: number,
): Promise<OperationPage> {
  const conditions: SQL[] = [eq(operations.project, "default")];
  if (filter.state !== undefined) conditions.push(eq(operations.state, filter.state));
  if (filter.kind !== undefined) conditions.push(inArray(operations.kind, [filter.kind]));
  if (filter.vmId !== undefined) conditions.push(eq(operations.vmId, filter.vmId));
  if (filter.workerId !== undefined) conditions.push(eq(operations.workerId, filter.workerId));
  if (after !== null) conditions.push(sql`(${operations.createdAt}, ${operations.id}) < (${after.createdAt}::timestamptz, ${after.id})`);
  const rows = await db
    .select({ operation: operations, cursor: sql<string>`${operations.createdAt}::text` })
    .from(operations)
    .where(and(...conditions))
    .orderBy(desc(operations.createdAt), desc(operations.id))
    .limit(pageSize + 1);
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  return {
    items: page.map(({ operation }) => operation),
    next: rows.length > pageSize && last !== undefined ? { createdAt: last.cursor, id: last.operation.id } : null,
  };
}
