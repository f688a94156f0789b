/**
 * Attaching to a console: what can be refused is refused before the upgrade, where there is still an answer to be given; then the
 * socket is taken over.
 */
import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";
import { newId } from "../db/database.ts";
import type { VmRow } from "../db/schema.ts";
import { CONSOLE_RAW, type ConsoleSubprotocol } from "../domain/console-subprotocols.ts";
import { ApiError, invalidField } from "../errors/api-error.ts";
import type { ConsoleServerMessage } from "../schemas/console.ts";
import { ConsoleClient, type ConsoleIdentity } from "./console-client.ts";
import type { ConsoleHub } from "./console-hub.ts";
import { framingOf } from "./framing.ts";
import { resolveFrom } from "./resolve-from.ts";
import type { VmConsole } from "./vm-console.ts";

export interface AttachRequest {
  readonly mode: "read" | "write";
  /** `start`, `end`, `tail:<n>`, or an offset. */
  readonly from: string;
  readonly inputSession: string | null;
  readonly takeover: boolean;
  readonly subprotocol: ConsoleSubprotocol;
  readonly identity: ConsoleIdentity;
}

export interface PreparedAttachment extends Omit<AttachRequest, "from"> {
  readonly console: VmConsole;
  readonly from: bigint;
  readonly inputSession: string;
}

/** @throws {ApiError} `quota_exceeded`, `console_writer_busy`, `validation_failed`, `worker_timeout`, `input_session_expired` */
export async function prepareAttachment(hub: ConsoleHub, vm: VmRow, request: AttachRequest): Promise<PreparedAttachment> {
  const { mode, takeover } = request;
  const console = await hub.open(vm);
  const limit = hub.settings.consoleSessionsMax;
  if (console.attached.size >= limit) {
    throw new ApiError("quota_exceeded", `Cannot attach: ${console.attached.size} are attached to this console, and ${limit} may be`, {
      details: { limit, usage: console.attached.size, retryable: false },
    });
  }
  if (mode === "write" && !takeover) await hub.refuseOtherWriter(console, request.inputSession);
  const isRaw = request.subprotocol === CONSOLE_RAW;
  const from = await resolveFrom(console, request.from, isRaw);
  const { contiguousFrom } = console.window;
  if (isRaw && from < contiguousFrom)
    throw invalidField(
      "/query/from",
      "trimmed",
      `not all is held from byte ${from} on, it is from ${contiguousFrom} on. Attach with from=start`,
    );
  const inputSession = request.inputSession ?? randomUUID();
  if (mode === "write") await hub.openInput(console, inputSession);
  return { ...request, console, from, inputSession };
}

/** Takes over the socket of an attachment that was prepared. */
export function attach(hub: ConsoleHub, prepared: PreparedAttachment, socket: WebSocket): void {
  const { console, mode, from, identity } = prepared;
  const { settings, log } = hub;
  const sessionId = newId("con");
  const client = new ConsoleClient(
    socket,
    {
      sessionId,
      identity,
      framing: framingOf(prepared.subprotocol),
      from,
      windowBytes: settings.consoleWindowBytes,
      slowConsumerMs: settings.slowConsumerMs,
      heartbeatMs: settings.consoleHeartbeatMs,
    },
    {
      onInput: (sender, offset, content) => console.input(sender, offset, content),
      onGap: () => hub.activity.consoleGap(),
      onMessage: (sender, message) => console.clientSaid(sender, message),
      onClosed: (gone, why) => {
        console.remove(gone);
        hub.sessions.detached(console.vmId, gone, why);
        log.debug({ vmId: console.vmId, sessionId, ...why }, "console detached");
      },
    },
  );
  const busy = console.writer;
  const writes = mode === "write" && (busy === null || prepared.takeover || busy.input?.id === prepared.inputSession);
  const session = writes ? console.session(prepared.inputSession) : null;
  console.add(client);
  const hello: ConsoleServerMessage = {
    type: "hello",
    vmId: console.vmId,
    sessionId,
    mode: writes ? "write" : "read",
    state: console.state,
    term: console.currentTerm,
    outOldest: console.window.start.toString(),
    outEnd: console.end.toString(),
    from: from.toString(),
    inputSession: session?.id ?? null,
    inputNext: (session?.inputNext ?? 0n).toString(),
    writer: writes ? sessionId : hub.writerOf(console.vmId),
    window: settings.consoleWindowBytes,
    heartbeatMs: settings.consoleHeartbeatMs,
  };
  client.tell(hello);
  if (mode === "write" && session === null) client.close(4409, `console_writer_busy: session ${busy?.sessionId} writes`);
  if (session !== null) hub.grantTo(console, client, session);
  hub.sessions.attached(console.vmId, client, mode);
  console.begin(client);
  log.debug({ vmId: console.vmId, sessionId, mode, subprotocol: client.subprotocol, from: from.toString() }, "console attached");
}

/** Close code of what could not be said before the upgrade: a page is not shown why an upgrade was refused. */
export function closeOf(error: ApiError): { readonly code: number; readonly reason: string } {
  const reason = `${error.code}: ${error.message}`;
  switch (error.status) {
    case 401:
    case 403:
    case 404:
    case 409:
    case 410:
    case 429:
      return { code: 4000 + error.status, reason };
    case 503:
    case 504:
      return { code: 1001, reason };
    default:
      return { code: 4400, reason };
  }
}
