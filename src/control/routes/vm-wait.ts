/** /v1/vms/{vm}/wait: answers when a VM is in a state, or cannot get there. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { loadVm, readVmRow } from "../db/queries/read-vm.ts";
import { isReached, WAIT_TARGETS, whyUnreachable } from "../domain/wait-target.ts";
import { ApiError } from "../errors/api-error.ts";
import { presentVm } from "../presenters/vm.ts";
import { words } from "../schemas/scalars.ts";
import { WaitAnswer } from "../schemas/vm.ts";
import { VmPath } from "./parameters.ts";

export const vmWaitRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/vms/:vm/wait",
      schema: {
        operationId: "waitForVm",
        summary: "Wait until a VM is in a state",
        description: "`reached` is false when the time is up; 409 at once where the VM cannot get there by itself.",
        tags: ["vms"],
        params: VmPath,
        querystring: Type.Object(
          {
            for: words(WAIT_TARGETS),
            timeout: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, default: 30, description: "Seconds" })),
          },
          { additionalProperties: false },
        ),
        response: { 200: WaitAnswer },
        errors: ["vm_not_found", "wait_target_unreachable", "validation_failed"],
      },
      handler: async (request) => {
        const { for: target, timeout = 30 } = request.query;
        const deadline = performance.now() + timeout * 1000;
        const { id } = await readVmRow(control.database.db, request.params.vm);
        for (;;) {
          // Before the row is read: what is committed from here on wakes the wait below.
          const news = control.feed.next(Math.min(1000, Math.max(0, deadline - performance.now())), request.signal);
          const vm = await readVmRow(control.database.db, id);
          const facts = {
            state: vm.state,
            protection: vm.protectionState,
            syncedBackups: vm.synced.length,
            wantedBackups: vm.spec.protection.backups,
          };
          const reached = isReached(target, facts);
          const unreachable = whyUnreachable(target, facts);
          if (unreachable !== null) {
            throw new ApiError("wait_target_unreachable", `Cannot wait for "${target}": ${unreachable}`, {
              details: { currentState: vm.state },
            });
          }
          if (reached || performance.now() >= deadline || request.signal.aborted || control.stopping.aborted) {
            return { reached, vm: presentVm(await loadVm(control.database.db, vm), control.live) };
          }
          await news;
        }
      },
    });
  };
