/** /v1/vms/{vm}/failover and /failovers: makes the backup take over, and tells what came of it. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { listFailovers, readFailover } from "../db/queries/list-failovers.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import { requestFailover } from "../db/queries/request-failover.ts";
import { presentFailover } from "../presenters/failover.ts";
import { Failover, FailoverList, FailoverRequest } from "../schemas/vm.ts";
import { checkEtag } from "./etag.ts";
import { answerWithOperation, OPERATION_CALL_ERRORS, VM_OPERATION_CALL } from "./operation-call.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { PageQuery, VmPath } from "./parameters.ts";

const tags = ["vms"];

export const failoverRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "POST",
      url: "/v1/vms/:vm/failover",
      schema: {
        operationId: "failOverVm",
        scope: "failover:write",
        summary: "Make the backup take over",
        description:
          "With mode `planned` the primary co-operates: the arbiter is asked while the guest runs, the primary ends its epoch, the backup has all " +
          "of it, and goes on; nothing is detected. With `test` the primary's replica ends as if its process had been killed: detection, " +
          "arbitration and promotion are those of a true failure, and so is the gap. With `forced` the primary is not waited for: the arbiter " +
          "fences it and promotes the backup, also where it hangs; whatever it does afterwards, nothing of it leaves. In all of them no " +
          "acknowledged input and no released output is lost, and a fresh backup is paired. The operation's result is the Failover, with the " +
          "gap that was measured.",
        tags,
        params: VmPath,
        ...VM_OPERATION_CALL,
        body: FailoverRequest,
        errors: [
          "vm_not_found",
          "vm_deleted",
          "not_protected",
          "replica_not_found",
          "no_backup_available",
          "worker_timeout",
          "term_mismatch",
          "operation_in_progress",
          "etag_mismatch",
          ...OPERATION_CALL_ERRORS,
        ],
      },
      handler: async (request, reply) => {
        const { id } = await readVmRow(control.database.db, request.params.vm);
        const order = {
          vmId: id,
          mode: request.body.mode,
          expectedTerm: request.body.expectedTerm ?? null,
          targetReplica: request.body.targetReplica ?? null,
          reachable: (replicaId: string) => control.workers.isReachable(replicaId),
        };
        return answerWithOperation(control, request, reply, `POST /v1/vms/${id}/failover`, (tx) =>
          requestFailover(tx, order, (locked) => checkEtag(request.headers["if-match"], locked)),
        );
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/failovers",
      schema: {
        operationId: "listFailovers",
        scope: "vms:read",
        summary: "List the failovers of a VM, newest first",
        tags,
        params: VmPath,
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: { 200: FailoverList },
        errors: ["vm_not_found", "bad_page_token", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken } = request.query;
        const vm = await readVmRow(control.database.db, request.params.vm);
        const page = await listFailovers(control.database.db, vm.id, readPageToken(pageToken), pageSize);
        return { items: page.items.map(presentFailover), nextPageToken: writePageToken(page.next) };
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/failovers/:failover",
      schema: {
        operationId: "getFailover",
        scope: "vms:read",
        summary: "Get a failover of a VM",
        tags,
        params: Type.Object({
          ...VmPath.properties,
          failover: Type.String({ minLength: 1, maxLength: 80, description: "Id", examples: ["fo_01KJM6Y00B1C2D3E4F5G6H7J8K"] }),
        }),
        response: { 200: Failover },
        errors: ["vm_not_found", "failover_not_found"],
      },
      handler: async (request) => {
        const vm = await readVmRow(control.database.db, request.params.vm);
        return presentFailover(await readFailover(control.database.db, vm.id, request.params.failover));
      },
    });
  };
