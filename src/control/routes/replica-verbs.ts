/** /v1/vms/{vm}/replicas/{replica}/restart, migrate and kill; the operation ends when the replica is gone and another one has its place. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { readWorker } from "../db/queries/list-workers.ts";
import { orderReplica } from "../db/queries/order-replica.ts";
import { readPlanFacts } from "../db/queries/plan-facts.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import type { VmRow } from "../db/schema.ts";
import { REFUSAL_MESSAGES } from "../domain/placement.ts";
import type { ReplicaVerb } from "../domain/replica-verb.ts";
import { ApiError } from "../errors/api-error.ts";
import { chooseWorker } from "../reconcile/choose-worker.ts";
import { MigrateRequest } from "../schemas/vm.ts";
import { checkEtag } from "./etag.ts";
import { answerWithOperation, OPERATION_CALL_ERRORS, VM_OPERATION_CALL } from "./operation-call.ts";
import { VmPath } from "./parameters.ts";

interface Verb {
  readonly verb: ReplicaVerb;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
}

const VERBS: readonly Verb[] = [
  {
    verb: "restart",
    operationId: "restartReplica",
    summary: "Drop a backup, and make another one in its place",
    description: "The VM is without it meanwhile. The operation ends when as many backups as are wanted are synced again.",
  },
  {
    verb: "migrate",
    operationId: "migrateReplica",
    summary: "Have a replica be on another worker",
    description:
      "Make before break: another backup is synced elsewhere before this one is dropped; a primary hands over to a backup. Refused where " +
      "no other worker has room.",
  },
  {
    verb: "kill",
    operationId: "killReplica",
    summary: "End a replica as if its process had died",
    description:
      "To see what happens then: nobody is told, a backup takes over from a primary by itself. A VM without another replica is failed.",
  },
];

export const replicaVerbRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    /** @throws {ApiError} `no_capacity`, `anti_affinity_unsatisfiable`, `engine_mismatch` */
    const refuseUnplaceable = async (vm: VmRow, only: string | null): Promise<void> => {
      const facts = await readPlanFacts(control.database.db);
      const rows = facts.replicas.filter((row) => row.vmId === vm.id);
      const choice = chooseWorker({ workers: control.workers, settings: control.config }, facts, vm, rows, only);
      if (choice.kind === "placed") return;
      throw new ApiError(choice.reason, `Cannot migrate the replica: ${REFUSAL_MESSAGES[choice.reason]}`, {
        details: { retryAfterMs: 5000 },
      });
    };

    for (const { verb, ...described } of VERBS) {
      app.route({
        method: "POST",
        url: `/v1/vms/:vm/replicas/:replica/${verb}`,
        schema: {
          ...described,
          tags: ["vms"],
          scope: verb === "kill" ? "chaos:write" : "vms:write",
          params: Type.Object({
            ...VmPath.properties,
            replica: Type.String({ minLength: 1, maxLength: 80, description: "Id", examples: ["rep_01KJM6Y00B1C2D3E4F5G6H7J8K"] }),
          }),
          ...VM_OPERATION_CALL,
          ...(verb === "migrate" ? { body: MigrateRequest } : {}),
          errors: [
            "vm_not_found",
            "vm_deleted",
            "replica_not_found",
            "invalid_state",
            "etag_mismatch",
            ...(verb === "kill" ? [] : (["operation_in_progress"] as const)),
            ...(verb === "migrate" ? (["worker_not_found", "no_capacity", "anti_affinity_unsatisfiable", "engine_mismatch"] as const) : []),
            ...OPERATION_CALL_ERRORS,
          ],
        },
        handler: async (request, reply) => {
          const vm = await readVmRow(control.database.db, request.params.vm);
          const { targetWorker: named } = (request.body ?? {}) as MigrateRequest;
          const target = named === undefined ? null : (await readWorker(control.database.db, named)).worker.id;
          const replicaId = request.params.replica;
          const order = { vmId: vm.id, replicaId, verb, targetWorker: target };
          return answerWithOperation(control, request, reply, `POST /v1/vms/${vm.id}/replicas/${replicaId}/${verb}`, async (tx) => {
            const operation = await orderReplica(tx, order, (locked) => checkEtag(request.headers["if-match"], locked));
            // A primary goes where a backup is.
            if (verb === "migrate" && replicaId !== vm.primaryReplica) await refuseUnplaceable(vm, target);
            return operation;
          });
        },
      });
    }
  };
