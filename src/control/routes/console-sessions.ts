/** /v1/vms/{vm}/console/sessions and /tickets: who is attached to a console, and what a page attaches by. */
import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { requireScope, secretOf } from "../authenticator.ts";
import type { ControlPlane } from "../control-plane.ts";
import { endConsoleSession } from "../db/queries/console-sessions.ts";
import { createConsoleTicket } from "../db/queries/console-tickets.ts";
import { runIdempotently } from "../db/queries/idempotency.ts";
import { readLivingVm } from "../db/queries/read-vm.ts";
import { sha256Of } from "../db/queries/tokens.ts";
import type { TokenRow } from "../db/schema.ts";
import { presentConsoleSession } from "../presenters/console-session.ts";
import { ConsoleSession, ConsoleSessionList, ConsoleTicket, ConsoleTicketRequest } from "../schemas/console.ts";
import { seal, unseal } from "../sealed-secret.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { OPERATION_CALL_ERRORS } from "./operation-call.ts";
import { IdempotencyHeader, VmPath } from "./parameters.ts";

const tags = ["console"];

export const consoleSessionRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "POST",
      url: "/v1/vms/:vm/console/tickets",
      schema: {
        operationId: "createConsoleTicket",
        scope: "console:read",
        summary: "Make a ticket, by which a page attaches to the console",
        description:
          "A page cannot set headers on a WebSocket, and should not hold a token: it connects with `?ticket=`. A ticket is good for one " +
          "attachment, to this VM, within a minute, at any control plane; `mode: write` wants the scope console:write as well.",
        tags,
        params: VmPath,
        headers: Type.Object(IdempotencyHeader),
        body: ConsoleTicketRequest,
        response: { 201: ConsoleTicket },
        errors: ["vm_not_found", "vm_deleted", ...OPERATION_CALL_ERRORS],
      },
      handler: async (request, reply) => {
        const { mode = "read" } = request.body;
        if (mode === "write") requireScope(request, "console:write");
        const own = secretOf(request) as string;
        const { vm } = await readLivingVm(control.database.db, request.params.vm);
        const key = readIdempotencyKey(request.headers["idempotency-key"]);
        const route = `POST /v1/vms/${vm.id}/console/tickets`;
        const answer = await runIdempotently(control.database, { apiCall: request.apiCall, route, key, body: request.body }, async (tx) => {
          const secret = `uct_${randomBytes(24).toString("base64url")}`;
          const { expiresAt } = await createConsoleTicket(tx, {
            secretSha256: sha256Of(secret),
            vmId: vm.id,
            tokenId: (request.token as TokenRow).id,
            mode,
            ttlMs: control.config.consoleTicketTtlMs,
          });
          return {
            status: 201,
            headers: {},
            body: { ticket: seal(secret, own, "idempotent answer"), vmId: vm.id, mode, expiresAt: expiresAt.toISOString() },
          };
        });
        if (answer.replayed) reply.header("Idempotency-Replayed", "true");
        const made = answer.body as ConsoleTicket;
        return reply
          .code(201)
          .header("Cache-Control", "no-store")
          .send({ ...made, ticket: unseal(made.ticket, own, "idempotent answer") });
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/console/sessions",
      schema: {
        operationId: "listConsoleSessions",
        scope: "console:read",
        summary: "List who is attached to the console, on any control plane",
        tags,
        params: VmPath,
        response: { 200: ConsoleSessionList },
        errors: ["vm_not_found", "vm_deleted"],
      },
      handler: async (request) => {
        const loaded = await readLivingVm(control.database.db, request.params.vm);
        const sessions = await control.consoles.listSessions(loaded.vm.id);
        const writer = control.consoles.writerOf(loaded.vm.id);
        const end = control.consoles.endOf(loaded.vm);
        return { items: sessions.map((session) => presentConsoleSession(session, writer, end)) };
      },
    });

    app.route({
      method: "DELETE",
      url: "/v1/vms/:vm/console/sessions/:session",
      schema: {
        operationId: "endConsoleSession",
        scope: "console:write",
        summary: "End a console session: its connection is closed with 4403",
        description: "Answers with the session as it was. The VM, and the other sessions, go on.",
        tags,
        params: Type.Object({
          ...VmPath.properties,
          session: Type.String({ minLength: 1, maxLength: 80, description: "Id", examples: ["con_01KJM6Y00B1C2D3E4F5G6H7J8K"] }),
        }),
        response: { 200: ConsoleSession },
        errors: ["vm_not_found", "vm_deleted", "console_session_not_found"],
      },
      handler: async (request) => {
        const { vm } = await readLivingVm(control.database.db, request.params.vm);
        const writer = control.consoles.writerOf(vm.id);
        const by = { tokenId: (request.token as TokenRow).id, requestId: request.id };
        const ended = await control.database.transaction((tx) => endConsoleSession(tx, vm.id, request.params.session, by), request.apiCall);
        return presentConsoleSession(ended, writer, control.consoles.endOf(vm));
      },
    });
  };
