/** How many VMs there are, by state and protection. */
import { count, ne } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { vms } from "../schema.ts";

export interface VmCount {
  readonly state: string;
  readonly protection: string;
  readonly count: number;
}

export function countVms(db: Queryable): Promise<VmCount[]> {
  return db
    .select({ state: vms.state, protection: vms.protectionState, count: count() })
    .from(vms)
    .where(ne(vms.state, "deleted"))
    .groupBy(vms.state, vms.protectionState)
    .orderBy(vms.state, vms.protectionState);
}
