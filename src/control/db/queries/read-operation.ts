/** One operation. */
import { eq } from "drizzle-orm";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable } from "../database.ts";
import { type OperationRow, operations } from "../schema.ts";

/** @throws {ApiError} `operation_not_found` */
export async function readOperation(db: Queryable, id: string): Promise<OperationRow> {
  const [row] = await db.select().from(operations).where(eq(operations.id, id));
  if (row === undefined) throw new ApiError("operation_not_found", `Cannot find the operation "${id}"`);
  return row;
}
