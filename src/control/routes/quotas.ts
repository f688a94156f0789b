/** GET /v1/quotas: what the project may have, and has. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { ControlPlane } from "../control-plane.ts";
import { readQuotas } from "../db/queries/quotas.ts";
import { QuotaList } from "../schemas/quota.ts";

export const quotaRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/quotas",
      schema: {
        operationId: "listQuotas",
        scope: "vms:read",
        summary: "What the project may have, and has",
        description: "Of what would be more, a create, a patch or an upload is refused as `quota_exceeded`.",
        tags: ["service"],
        response: { 200: QuotaList },
      },
      handler: async () => ({ project: "default", items: [...(await readQuotas(control.database.db, control.config))] }),
    });
  };
