/** /v1/operations/{id}: what a call set going. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { readOperation } from "../db/queries/read-operation.ts";
import type { OperationRow } from "../db/schema.ts";
import { presentOperation } from "../presenters/operation.ts";
import { Operation } from "../schemas/operation.ts";
import { WaitQuery } from "./parameters.ts";

export const operationRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/operations/:operation",
      schema: {
        operationId: "getOperation",
        summary: "Get an operation, or wait for its end",
        tags: ["operations"],
        params: Type.Object({ operation: Type.String() }),
        querystring: Type.Object(WaitQuery, { additionalProperties: false }),
        response: { 200: Operation },
        errors: ["operation_not_found", "validation_failed"],
      },
      handler: async (request) => {
        const operation = await readOperation(control.database.db, request.params.operation);
        return presentOperation(await waitForOperation(control, operation.id, request.query.wait ?? 0, request.signal));
      },
    });
  };

/** The operation once it has ended, or as it is after `seconds`. */
export async function waitForOperation(control: ControlPlane, id: string, seconds: number, signal: AbortSignal): Promise<OperationRow> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const news = control.feed.next(Math.min(1000, Math.max(0, deadline - performance.now())), signal);
    const operation = await readOperation(control.database.db, id);
    const ended = operation.state !== "pending" && operation.state !== "running";
    if (ended || performance.now() >= deadline || signal.aborted || control.stopping.aborted) return operation;
    await news;
  }
}
