/**
 * GET /v1/vms/{vm}/console: the console as a WebSocket, `understudy.console.v1`.
 *
 * Whatever can be wrong is said before the upgrade, as a problem document; after it there are only frames and close codes.
 */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { completeCall } from "../api-calls.ts";
import { requireScope } from "../authenticator.ts";
import type { PreparedAttachment } from "../consoles/console-hub.ts";
import type { ControlPlane } from "../control-plane.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import { ApiError } from "../errors/api-error.ts";
import { patterned } from "../schemas/patterned.ts";
import { words } from "../schemas/scalars.ts";
import { VmPath } from "./parameters.ts";

declare module "fastify" {
  interface FastifyRequest {
    attachment: PreparedAttachment | null;
  }
}

/**
 * A browser says from which page a WebSocket comes, and connects whatever that page is: only our own, and those that were named, may.
 *
 * @throws {ApiError} `origin_not_allowed`
 */
function checkOrigin(request: FastifyRequest, allowed: readonly string[]): void {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new ApiError("origin_not_allowed", `Cannot attach from a page of ${origin}: UNDERSTUDY_ALLOWED_ORIGINS names those that may`);
}

export const consoleRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.decorateRequest("attachment", null);
    app.route({
      method: "GET",
      url: "/v1/vms/:vm/console",
      schema: {
        operationId: "attachConsole",
        scope: "console:read",
        summary: "Attach to the console (WebSocket)",
        description:
          "Subprotocol `understudy.console.v1`; browsers give the token as subprotocol `understudy.bearer.<base64url>`. " +
          "Text frames are ConsoleServerMessage and ConsoleClientMessage; binary frames carry bytes with their offset. " +
          "Close codes: 1000 done, 1001 going away, 4400 bad frame, 4401 unauthenticated, 4404 no such VM, 4408 slow consumer, " +
          "4409 writer or input-session conflict, 4410 VM deleted.",
        tags: ["console"],
        params: VmPath,
        querystring: Type.Object(
          {
            mode: Type.Optional(words(["read", "write"] as const, { default: "read" })),
            from: Type.Optional(
              patterned("^(start|end|tail:(0|[1-9][0-9]{0,9})|0|[1-9][0-9]{0,18})$", "start, end, tail:BYTES or an offset", {
                default: "end",
                description: "Offset in the VM's output, `start` (the oldest that is held), `end`, or `tail:<bytes>`",
              }),
            ),
            inputSession: Type.Optional(
              patterned("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", "a UUID in lower case", {
                description: "UUID of the input session to open or resume; made by the service where it is left out",
              }),
            ),
            takeover: Type.Optional(Type.Boolean({ default: false, description: "Take the right to write from whoever has it" })),
          },
          { additionalProperties: false },
        ),
        response: { 101: Type.Unsafe<never>({ description: "Switched to the WebSocket" }) },
        errors: [
          "vm_not_found",
          "vm_deleted",
          "console_writer_busy",
          "origin_not_allowed",
          "upgrade_required",
          "validation_failed",
          "worker_timeout",
        ],
      },
      preHandler: async (request) => {
        if (!request.ws) {
          throw new ApiError(
            "upgrade_required",
            "Cannot attach: this route is a WebSocket, connect with subprotocol understudy.console.v1",
          );
        }
        checkOrigin(request, control.config.allowedOrigins);
        const { mode = "read", from = "end", inputSession, takeover = false } = request.query;
        if (mode === "write") requireScope(request, "console:write");
        const vm = await readVmRow(control.database.db, request.params.vm);
        if (vm.state === "deleted") throw new ApiError("vm_deleted", `Cannot attach: the VM "${request.params.vm}" was deleted`);
        request.attachment = await control.consoles.prepare(vm, { mode, from, inputSession: inputSession ?? null, takeover });
      },
      handler: async () => {
        throw new ApiError("upgrade_required", "Cannot attach: this route is a WebSocket");
      },
      wsHandler: (socket, request) => {
        completeCall(control.audit, request, 101);
        control.consoles.attach(request.attachment as PreparedAttachment, socket);
      },
    });
  };
