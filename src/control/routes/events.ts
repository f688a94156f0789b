/**
 * /v1/events and /v1/vms/{vm}/events: what happened, as server-sent events or as a page of JSON, by `Accept`.
 *
 * Both read the table from a cursor; the stream reads again whenever there is news. A number that a reader has seen is
 * never followed by a smaller one, because numbers are taken in the order of commits.
 */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { completeCall } from "../api-calls.ts";
import type { ControlPlane } from "../control-plane.ts";
import { type EventFilter, readEventBounds, readEvents } from "../db/queries/read-events.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import { isDatabaseUnavailable } from "../db/unavailable.ts";
import { EVENT_TYPES, matchesEventTypes } from "../domain/events.ts";
import { ApiError, invalidField } from "../errors/api-error.ts";
import { presentEvent } from "../presenters/event.ts";
import { EventPage } from "../schemas/event.ts";
import { U64 } from "../schemas/scalars.ts";
import { LabelSelectorQuery, readLabelSelector } from "./label-selector.ts";
import { VmPath } from "./parameters.ts";

const BATCH = 200;
/** Of the column that numbers them. */
const SEQ_MAX = 2n ** 63n - 1n;
const tags = ["events"];

const Query = {
  after: Type.Optional(U64),
  types: Type.Optional(Type.String({ maxLength: 500, description: "Comma-separated; `vm.failover.*` stands for all that begin so" })),
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 200, description: "JSON only" })),
};
const Headers = Type.Object({
  "last-event-id": Type.Optional(Type.String({ description: "As `after`: what an SSE client sends when it comes back" })),
});

const STREAM_MEDIA = {
  "text/event-stream":
    "`id`, `event` and `data` (an Event) for each; a `bookmark` with the cursor alone at the beginning, and every 15 s on a quiet stream. " +
    "Ends where its token is revoked, or expires",
};

const description =
  "`Accept: text/event-stream` gives a stream that begins behind `after`, or now; anything else gives a page that begins behind `after`, or at the oldest event.";

export const eventRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/events",
      schema: {
        operationId: "listEvents",
        scope: "events:read",
        summary: "List or watch events",
        description,
        tags,
        querystring: Type.Object(
          { ...Query, ...LabelSelectorQuery, vm: Type.Optional(Type.String({ description: "Id or name of a VM" })) },
          { additionalProperties: false },
        ),
        headers: Headers,
        response: { 200: EventPage },
        otherMedia: STREAM_MEDIA,
        errors: ["vm_not_found", "event_cursor_expired", "validation_failed"],
      },
      handler: (request, reply) => answer(control, request, reply, request.query.vm ?? null),
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/events",
      schema: {
        operationId: "listVmEvents",
        scope: "events:read",
        summary: "List or watch the events of a VM",
        description,
        tags,
        params: VmPath,
        querystring: Type.Object(Query, { additionalProperties: false }),
        headers: Headers,
        response: { 200: EventPage },
        otherMedia: STREAM_MEDIA,
        errors: ["vm_not_found", "event_cursor_expired", "validation_failed"],
      },
      handler: (request, reply) => answer(control, request, reply, request.params.vm),
    });
  };

interface EventQuery {
  readonly after?: string;
  readonly types?: string;
  readonly labelSelector?: string;
  readonly pageSize?: number;
}

async function answer(control: ControlPlane, request: FastifyRequest, reply: FastifyReply, vm: string | null) {
  const { after, types = "", pageSize = BATCH, labelSelector } = request.query as EventQuery;
  const filter: EventFilter = {
    vmId: vm === null ? null : (await readVmRow(control.database.db, vm)).id,
    types: readTypes(types),
    labels: readLabelSelector(labelSelector),
  };
  const given = readCursor((request.headers["last-event-id"] as string | undefined) ?? after);
  const { newest, oldest } = await readEventBounds(control.database.db);
  if (given !== null) checkCursor(given, { newest, oldest });
  if (String(request.headers.accept ?? "").includes("text/event-stream")) {
    await stream(control, request, reply, filter, { from: given ?? newest, caughtUpAt: newest });
    return reply;
  }
  const rows = await readEvents(control.database.db, filter, given ?? oldest - 1n, pageSize);
  const full = rows.length === pageSize;
  // A page that is not full has seen everything up to the newest number, matching or not.
  const next = full ? (rows.at(-1)?.seq ?? newest) : max(newest, rows.at(-1)?.seq ?? 0n);
  return reply.send({ items: rows.map(presentEvent), nextAfter: next.toString() });
}

async function stream(
  control: ControlPlane,
  request: FastifyRequest,
  reply: FastifyReply,
  filter: EventFilter,
  { from, caughtUpAt }: { readonly from: bigint; readonly caughtUpAt: bigint },
): Promise<void> {
  const { raw } = reply;
  reply.hijack();
  const closed = new AbortController();
  const close = (): void => closed.abort();
  raw.on("close", close);
  control.stopping.addEventListener("abort", close);
  const forgetToken = request.token === null ? null : control.authenticator.whenEnded(request.token, close);
  raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // A stream ends with its connection: kept alive, it would hold up a control plane that stops.
    connection: "close",
    "x-accel-buffering": "no",
    "request-id": request.id,
  });
  completeCall(control, request, 200);
  let cursor = from;
  const write = (seq: bigint, type: string, data: unknown): void => {
    raw.write(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const bookmark = (): void => write(cursor, "bookmark", { seq: cursor.toString(), type: "bookmark", time: new Date().toISOString() });
  // Says at once where the stream begins: a client that comes back before the first event knows its cursor.
  bookmark();
  let quietSince = performance.now();
  while (!closed.signal.aborted) {
    const untilBookmarkMs = Math.max(0, quietSince + control.config.eventBookmarkMs - performance.now());
    const news =
      filter.vmId === null
        ? control.feed.next(untilBookmarkMs, closed.signal)
        : control.feed.nextAbout(filter.vmId, untilBookmarkMs, closed.signal);
    let rows: Awaited<ReturnType<typeof readEvents>> = [];
    const quiet = performance.now() - quietSince >= control.config.eventBookmarkMs;
    let seen = cursor;
    try {
      // Read first: what is behind the cursor then, and is not in the rows, is not for this stream.
      const newest = quiet ? (await readEventBounds(control.database.db)).newest : cursor;
      rows = await readEvents(control.database.db, filter, cursor, BATCH);
      seen = newest;
    } catch (error) {
      // The stream outlives the database: its events come when it is back.
      if (!isDatabaseUnavailable(error)) request.log.error({ err: error }, "event stream failed to read");
    }
    for (const row of rows) {
      cursor = row.seq;
      // What had happened before is not late.
      if (row.seq > caughtUpAt) control.activity.eventSent(Date.now() - row.time.getTime());
      write(row.seq, row.type, presentEvent(row));
    }
    if (rows.length > 0) quietSince = performance.now();
    else if (quiet) {
      cursor = max(cursor, seen);
      bookmark();
      quietSince = performance.now();
    }
    if (raw.writableNeedDrain) await drained(raw, closed.signal);
    if (rows.length < BATCH) await news;
  }
  control.stopping.removeEventListener("abort", close);
  forgetToken?.();
  raw.end();
}

function drained(raw: FastifyReply["raw"], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    raw.once("drain", resolve);
    raw.once("close", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** @throws {ApiError} `validation_failed`: for a word that no event has, a reader would wait for ever */
function readTypes(text: string): string[] {
  const types = text.split(",").filter((type) => type !== "");
  const unknown = types.find((type) => !matchesEventTypes(type));
  if (unknown !== undefined)
    throw invalidField(
      "/query/types",
      "not_allowed",
      `"${unknown}" is no type of event, nor the beginning of any: ${EVENT_TYPES.join(", ")}`,
    );
  return types;
}

function readCursor(text: string | undefined): bigint | null {
  if (text === undefined || text === "") return null;
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > SEQ_MAX)
    throw invalidField("/header/last-event-id", "bad_format", "an event number is wanted");
  return BigInt(text);
}

/** @throws {ApiError} `event_cursor_expired`, also where it is beyond what this database has counted: it is an older copy, or another */
function checkCursor(given: bigint, { newest, oldest }: { readonly newest: bigint; readonly oldest: bigint }): void {
  if (given + 1n >= oldest && given <= newest) return;
  const why = given > newest ? `the newest event is ${newest}` : `the oldest event that is kept is ${oldest}`;
  throw new ApiError("event_cursor_expired", `Cannot go on from ${given}: ${why}. List the resources again`, {
    details: { oldest: oldest.toString() },
  });
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
