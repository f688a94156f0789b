/** GET /v1/audit-log: who asked for what, and what came of it, in the order in which it was answered. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { listAuditEntries } from "../db/queries/audit-log.ts";
import { presentAuditEntry } from "../presenters/audit-entry.ts";
import { AuditEntryList } from "../schemas/audit-entry.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { PageQuery } from "./parameters.ts";
import { readTime } from "./time-query.ts";

export const auditLogRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/audit-log",
      schema: {
        operationId: "listAuditLog",
        scope: "audit:read",
        summary: "List the calls of a time, in the order in which they were answered",
        description:
          "One entry for each call, refused ones too. A range that is past is final: no entry is added to it later. " +
          "A call that is not answered yet is in none. The last page ends at the present.",
        tags: ["audit"],
        querystring: Type.Object(
          {
            ...PageQuery,
            startTime: Type.Optional(Type.String({ format: "date-time", description: "Only calls that were answered then or later" })),
            endTime: Type.Optional(Type.String({ format: "date-time", description: "Only calls that were answered before" })),
          },
          { additionalProperties: false },
        ),
        response: { 200: AuditEntryList },
        errors: ["bad_page_token", "validation_failed"],
      },
      handler: async (request) => {
        const { startTime, endTime, pageSize = 50, pageToken } = request.query;
        const range = {
          startTime: startTime === undefined ? null : readTime("/query/startTime", startTime),
          endTime: endTime === undefined ? null : readTime("/query/endTime", endTime),
        };
        // A caller finds what it has done here itself.
        await control.audit.flush();
        const page = await listAuditEntries(control.database.db, range, readPageToken(pageToken), pageSize);
        return { items: page.items.map(presentAuditEntry), nextPageToken: writePageToken(page.next) };
      },
    });
  };
