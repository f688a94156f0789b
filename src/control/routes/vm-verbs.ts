/** /v1/vms/{vm}/start, stop, kill, pause, resume and reset: what a VM shall do; the operation ends when it does. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { ControlPlane } from "../control-plane.ts";
import { orderVm } from "../db/queries/order-vm.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import type { VmVerb } from "../domain/vm-verb.ts";
import { STOP_GRACE_MS, StopRequest } from "../schemas/vm.ts";
import { checkEtag } from "./etag.ts";
import { answerWithOperation, OPERATION_CALL_ERRORS, VM_OPERATION_CALL } from "./operation-call.ts";
import { VmPath } from "./parameters.ts";

interface Verb {
  readonly verb: VmVerb;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
}

const VERBS: readonly Verb[] = [
  {
    verb: "start",
    operationId: "startVm",
    summary: "Start a VM that is stopped or failed",
    description:
      "From its image, with memory of zeros. Its console goes on: offsets do not begin again. The operation ends when the guest runs.",
  },
  {
    verb: "stop",
    operationId: "stopVm",
    summary: "Have the guest power itself off",
    description:
      "The guest gets the SysRq keys s, u and o on its serial console: Linux writes out what it has, and powers off. One that has not after `graceMs` is ended. " +
      "A stopped VM holds no memory on any worker.",
  },
  {
    verb: "kill",
    operationId: "killVm",
    summary: "End the guest at once",
    description: "The VM stays, stopped. Works also where its workers are gone.",
  },
  {
    verb: "pause",
    operationId: "pauseVm",
    summary: "Have the guest stand still",
    description: "Its time stands still too, over failovers as well. Its replicas keep their memory, and it stays protected.",
  },
  { verb: "resume", operationId: "resumeVm", summary: "Have a paused guest run again", description: "It goes on at the next instruction." },
  {
    verb: "reset",
    operationId: "resetVm",
    summary: "End the guest, and start it again",
    description: "As kill and start. The operation ends when the guest runs.",
  },
];

export const vmVerbRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const { verb, ...described } of VERBS) {
      app.route({
        method: "POST",
        url: `/v1/vms/:vm/${verb}`,
        schema: {
          ...described,
          tags: ["vms"],
          scope: "vms:write",
          params: VmPath,
          ...VM_OPERATION_CALL,
          ...(verb === "stop" ? { body: StopRequest } : {}),
          errors: [
            "vm_not_found",
            "vm_deleted",
            ...(verb === "kill" ? [] : (["invalid_state"] as const)),
            ...(verb === "pause" || verb === "resume" ? (["operation_in_progress"] as const) : []),
            "etag_mismatch",
            ...OPERATION_CALL_ERRORS,
          ],
        },
        handler: async (request, reply) => {
          const vm = await readVmRow(control.database.db, request.params.vm);
          const { graceMs = STOP_GRACE_MS } = (request.body ?? {}) as StopRequest;
          const order = { vmId: vm.id, verb, graceMs };
          return answerWithOperation(control, request, reply, `POST /v1/vms/${vm.id}/${verb}`, (tx) =>
            orderVm(tx, order, (locked) => checkEtag(request.headers["if-match"], locked)),
          );
        },
      });
    }
  };
