/** /v1/vms/{vm}/protection/suspend and resume: without backups for a while, and with as many as before. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { ControlPlane } from "../control-plane.ts";
import { orderProtection } from "../db/queries/order-protection.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import { checkEtag } from "./etag.ts";
import { answerWithOperation, OPERATION_CALL_ERRORS, VM_OPERATION_CALL } from "./operation-call.ts";
import { VmPath } from "./parameters.ts";

const VERBS = [
  {
    verb: "suspend",
    operationId: "suspendProtection",
    summary: "Do without backups for a while",
    description: "They are dropped; `spec.protection.backups` stays as it is. The operation ends when the VM runs alone.",
  },
  {
    verb: "resume",
    operationId: "resumeProtection",
    summary: "Have backups again",
    description: "As many as before. The operation ends when they are synced.",
  },
] as const;

export const protectionRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const { verb, ...described } of VERBS) {
      app.route({
        method: "POST",
        url: `/v1/vms/:vm/protection/${verb}`,
        schema: {
          ...described,
          tags: ["vms"],
          scope: "vms:write",
          params: VmPath,
          ...VM_OPERATION_CALL,
          errors: ["vm_not_found", "vm_deleted", "invalid_state", "operation_in_progress", "etag_mismatch", ...OPERATION_CALL_ERRORS],
        },
        handler: async (request, reply) => {
          const vm = await readVmRow(control.database.db, request.params.vm);
          const order = { vmId: vm.id, verb };
          return answerWithOperation(control, request, reply, `POST /v1/vms/${vm.id}/protection/${verb}`, (tx) =>
            orderProtection(tx, order, (locked) => checkEtag(request.headers["if-match"], locked)),
          );
        },
      });
    }
  };
