/**
 * GET /v1/vms/{vm}/console: the console as a WebSocket, `understudy.console.v1` or `understudy.console.raw`.
 *
 * Credential and origin are checked before the upgrade. What else can be wrong is said there too, as a problem document; but a page is
 * not shown why an upgrade was refused, so those who come with a credential as only pages give it are told by a close code after it.
 */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { completeCall } from "../api-calls.ts";
import { bearerOf, offeredSubprotocols, requireScope } from "../authenticator.ts";
import { attach, closeOf, type PreparedAttachment, prepareAttachment } from "../consoles/attach.ts";
import type { ControlPlane } from "../control-plane.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import type { TokenRow } from "../db/schema.ts";
import { CONSOLE_SUBPROTOCOLS, CONSOLE_V1, type ConsoleSubprotocol, chooseSubprotocol } from "../domain/console-subprotocols.ts";
import { allows } from "../domain/scopes.ts";
import { ApiError } from "../errors/api-error.ts";
import { toApiError } from "../errors/problem.ts";
import { ConsoleMode, From, InputSessionId } from "../schemas/console.ts";
import { VmPath } from "./parameters.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What the upgrade is for; or what is to be said after it. */
    attachment: PreparedAttachment | ApiError | null;
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

/**
 * Who offers none, such as websocat, gets messages and offsets.
 *
 * @throws {ApiError} `bad_request`: those that are offered are not ours
 */
function agreedSubprotocol(request: FastifyRequest): ConsoleSubprotocol {
  const offered = offeredSubprotocols(request);
  const agreed = offered.length === 0 ? CONSOLE_V1 : chooseSubprotocol(new Set(offered));
  if (agreed !== null) return agreed;
  throw new ApiError(
    "bad_request",
    `Cannot attach with the subprotocol "${offered.join('", "')}": offer ${CONSOLE_SUBPROTOCOLS.join(" or ")}`,
  );
}

const Query = Type.Object(
  {
    mode: Type.Optional({ ...ConsoleMode, default: "read" }),
    from: Type.Optional({ ...From, default: "end" }),
    inputSession: Type.Optional(InputSessionId),
    takeover: Type.Optional(Type.Boolean({ default: false, description: "Take the right to write from whoever has it" })),
    ticket: Type.Optional(Type.String({ maxLength: 100, description: "In the place of a token" })),
  },
  { additionalProperties: false },
);

export const consoleRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    const prepare = async (
      request: FastifyRequest<{ Querystring: Static<typeof Query>; Params: Static<typeof VmPath> }>,
      subprotocol: ConsoleSubprotocol,
    ) => {
      const { mode = "read", from = "end", inputSession = null, takeover = false } = request.query;
      const token = request.token as TokenRow;
      if (mode === "write") requireScope(request, "console:write");
      const vm = await readVmRow(control.database.db, request.params.vm);
      if (request.ticketFor !== null && request.ticketFor !== vm.id) {
        throw new ApiError("unauthenticated", "Cannot accept the ticket: it is for the console of another VM");
      }
      if (vm.state === "deleted") throw new ApiError("vm_deleted", `Cannot attach: the VM "${request.params.vm}" was deleted`);
      return await prepareAttachment(control.consoles, vm, {
        mode,
        from,
        inputSession,
        takeover,
        subprotocol,
        identity: {
          tokenId: token.id,
          expiresAt: token.expiresAt,
          mayWrite: allows(token.scopes, "console:write"),
          call: request.apiCall,
        },
      });
    };
    app.decorateRequest("attachment", null);
    app.route({
      method: "GET",
      url: "/v1/vms/:vm/console",
      schema: {
        operationId: "attachConsole",
        scope: "console:read",
        takesTicket: true,
        summary: "Attach to the console (WebSocket)",
        description:
          "Subprotocol `understudy.console.v1`: text frames are ConsoleServerMessage and ConsoleClientMessage; binary frames carry bytes " +
          "with their offset. Subprotocol `understudy.console.raw`: bytes alone, and what is typed goes where the session ended; it has no " +
          "`resize`, so the guest's terminal keeps the size that it was told last. " +
          "`resize` says the size of the writer's terminal: it is input of the guest, logged in its place among the bytes, of which it takes " +
          "one offset; the guest's `hvc0` has that size from then on, over failovers too. A serial port, `ttyS0`, has none by itself. Pages give " +
          "a ticket, or the token as subprotocol `understudy.bearer.<base64url>`, and are told by close code what others are told before " +
          "the upgrade. Close codes: 1000 done, 1001 going away (reconnect now), 4400 bad frame, 4401 unauthenticated (the token was revoked or has " +
          "expired), 4403 scope missing, or the session was ended by somebody, 4404 no such VM, 4408 slow consumer, 4409 writer or " +
          "input-session conflict, 4410 VM deleted, 4429 too many sessions.",
        tags: ["console"],
        params: VmPath,
        querystring: Query,
        response: { 101: Type.Unsafe<never>({ description: "Switched to the WebSocket" }) },
        errors: [
          "vm_not_found",
          "vm_deleted",
          "console_writer_busy",
          "input_session_expired",
          "origin_not_allowed",
          "upgrade_required",
          "validation_failed",
          "quota_exceeded",
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
        // Before an upgrade for pages too: a page that offers no subprotocol of ours would close the socket at once.
        const subprotocol = agreedSubprotocol(request);
        const isPage = request.ticketFor !== null || bearerOf(request) === null;
        request.attachment = await prepare(request, subprotocol).catch((error: unknown) => {
          if (!isPage) throw error;
          return toApiError(error, request);
        });
      },
      handler: async () => {
        throw new ApiError("upgrade_required", "Cannot attach: this route is a WebSocket");
      },
      wsHandler: (socket, request) => {
        const { attachment } = request;
        if (attachment instanceof ApiError) {
          const { code, reason } = closeOf(attachment);
          request.problemCode = attachment.code;
          completeCall(control, request, attachment.status);
          socket.close(code, reason.slice(0, 120));
        } else {
          completeCall(control, request, 101);
          attach(control.consoles, attachment as PreparedAttachment, socket);
        }
      },
    });
  };
