/** /v1/vms/{vm}/console/output and /input: a console without a socket, for scripts. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { readOutput, typeInput } from "../consoles/calls.ts";
import type { ControlPlane } from "../control-plane.ts";
import { readLivingVm } from "../db/queries/read-vm.ts";
import { ConsoleInputAck, ConsoleInputRequest, From } from "../schemas/console.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { IdempotencyHeader, VmPath } from "./parameters.ts";

const tags = ["console"];
const MAX_BYTES = 1024 * 1024;
const MAX_BYTES_DEFAULT = 64 * 1024;

export const consoleCallRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/vms/:vm/console/output",
      schema: {
        operationId: "readConsoleOutput",
        scope: "console:read",
        summary: "Read a piece of a console's output",
        description:
          "Bytes as they are. `Console-Offset-Start` is where they begin: beyond `from` where that is not kept, because it lies between " +
          "`spec.console.headBytes` and `tailBytes`, or before the present guest; then `Console-Gap` says which bytes those are. An answer ends " +
          "before such a gap. Go on with `from=<Console-Offset-Next>`: byte N is the same byte at every call, over failovers too.",
        tags,
        params: VmPath,
        querystring: Type.Object(
          {
            from: Type.Optional({ ...From, default: "start" }),
            maxBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_BYTES, default: MAX_BYTES_DEFAULT })),
            wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, description: "Seconds to wait for a byte, where there is none" })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.String({ description: "The bytes; none where there is nothing behind `from` yet" }) },
        otherMedia: { "application/octet-stream": "Bytes of the console" },
        answerHeaders: {
          "Console-Offset-Start": "Offset of the first byte of the answer",
          "Console-Offset-Next": "Offset after the last one",
          "Console-Offset-Oldest": "Offset of the oldest byte that is kept",
          "Console-Gap": "Only where bytes from `from` on are not kept: `<first>-<last>` of them, offsets, both included",
        },
        errors: ["vm_not_found", "vm_deleted", "validation_failed", "worker_timeout"],
      },
      handler: async (request, reply) => {
        const { from = "start", maxBytes = MAX_BYTES_DEFAULT, wait = 0 } = request.query;
        const { vm } = await readLivingVm(control.database.db, request.params.vm);
        const signals = [request.signal, control.stopping];
        const output = await readOutput(control.consoles, vm, { from, maxBytes, waitMs: wait * 1000, signals });
        return reply
          .headers({
            "Console-Offset-Start": output.start.toString(),
            "Console-Offset-Next": output.next.toString(),
            "Console-Offset-Oldest": output.oldest.toString(),
            ...(output.start > output.from ? { "Console-Gap": `${output.from}-${output.start - 1n}` } : {}),
            "Cache-Control": "no-store",
          })
          .type("application/octet-stream")
          .send(Buffer.from(output.bytes) as unknown as string);
      },
    });

    app.route({
      method: "POST",
      url: "/v1/vms/:vm/console/input",
      schema: {
        operationId: "typeConsoleInput",
        scope: "console:write",
        summary: "Type into a console",
        description:
          "Answers once the bytes are acknowledged. `offset` counts the bytes of the input session: what was typed before is not typed " +
          "again, so a repeat is always safe. Refused where somebody else is attached with the right to write.",
        tags,
        params: VmPath,
        headers: Type.Object(IdempotencyHeader),
        body: ConsoleInputRequest,
        response: { 200: ConsoleInputAck },
        errors: [
          "vm_not_found",
          "vm_deleted",
          "malformed_json",
          "bad_idempotency_key",
          "invalid_state",
          "console_writer_busy",
          "input_session_expired",
          "input_offset_gap",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
          "worker_timeout",
        ],
      },
      handler: async (request) => {
        // The offset makes a repeat have the effect of one call: there is nothing to remember for a key.
        readIdempotencyKey(request.headers["idempotency-key"]);
        const { inputSession, offset, data } = request.body;
        const { vm } = await readLivingVm(control.database.db, request.params.vm);
        const typed = { inputSession, offset: BigInt(offset), bytes: Buffer.from(data, "base64") };
        const { inputNext, durability } = await typeInput(control.consoles, vm, typed);
        return { inputSession, inputNext: inputNext.toString(), durability };
      },
    });
  };
