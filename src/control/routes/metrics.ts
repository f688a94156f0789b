/** /metrics: for Prometheus, with a token, since it names VMs. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { countVms } from "../db/queries/count-vms.ts";
import { isDatabaseUnavailable } from "../db/unavailable.ts";
import { EXPOSITION_MEDIA, exposition } from "../metrics/exposition.ts";
import { presentMetrics } from "../metrics/present-metrics.ts";
import { replicationMetrics } from "../metrics/replication-metrics.ts";
import { translatorMetrics } from "../metrics/translator-metrics.ts";

export const metricsRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/metrics",
      schema: {
        operationId: "getMetrics",
        summary: "Metrics of the replicas that workers report to this control plane, and of what it has recorded itself",
        tags: ["service"],
        response: { 200: Type.String() },
        otherMedia: { "text/plain": "Prometheus' text format, version 0.0.4" },
      },
      handler: async (_request, reply) => {
        const replicas = control.workers
          .all()
          .flatMap(({ worker, reports }) => [...reports.values()].map((report) => ({ workerId: worker.id, report })));
        reply.type(EXPOSITION_MEDIA);
        const vms = await countVms(control.database.db).catch((error: unknown) => {
          if (isDatabaseUnavailable(error)) return null;
          throw error;
        });
        return exposition([
          ...presentMetrics(vms, control.consoles.all),
          ...control.activity.families(),
          ...replicationMetrics(replicas),
          ...translatorMetrics(replicas),
        ]);
      },
    });
  };
