/** The audit log: who asked the service for what, and what came of it. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import { PagedList } from "./paged-list.ts";

export type AuditEntry = Schemas["AuditEntry"];

export interface ListAuditOptions {
  /** Only calls that were answered then or later. */
  readonly startTime?: Date | string;
  /** Only calls that were answered before. */
  readonly endTime?: Date | string;
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

export class Audit {
  private readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** In the order in which the calls were answered. What is told of a past time is final. */
  list({ startTime, endTime, pageSize, signal }: ListAuditOptions = {}): PagedList<AuditEntry> {
    const range = {
      ...(startTime === undefined ? {} : { startTime: timestamp(startTime) }),
      ...(endTime === undefined ? {} : { endTime: timestamp(endTime) }),
      ...(pageSize === undefined ? {} : { pageSize }),
    };
    return new PagedList(async (pageToken) => {
      const query = { ...range, ...(pageToken === null ? {} : { pageToken }) };
      return unwrap(await this.raw.GET("/v1/audit-log", { params: { query }, ...(signal === undefined ? {} : { signal }) }));
    });
  }
}

function timestamp(time: Date | string): string {
  return typeof time === "string" ? time : time.toISOString();
}
