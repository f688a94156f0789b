/** What pages of other origins may do with the API, where `UNDERSTUDY_ALLOWED_ORIGINS` names theirs: all of it, with a token. */
import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";

/** Beyond those that a page may send and read anyway. A test holds both lists to the document. */
const REQUEST_HEADERS = [
  "Authorization",
  "Content-Type",
  "Idempotency-Key",
  "If-Match",
  "If-None-Match",
  "If-Range",
  "Last-Event-ID",
  "Range",
  "Repr-Digest",
  "Request-Id",
  "traceparent",
];
const ANSWER_HEADERS = [
  "Accept-Ranges",
  "Console-Gap",
  "Console-Offset-Next",
  "Console-Offset-Oldest",
  "Console-Offset-Start",
  "Content-Disposition",
  "Content-Range",
  "ETag",
  "Idempotency-Replayed",
  "Location",
  "Operation-Id",
  "RateLimit",
  "RateLimit-Policy",
  "Repr-Digest",
  "Request-Id",
  "Retry-After",
];
const PREFLIGHT_KEPT_SECONDS = 600;

/** Comes before every hook that may refuse: a preflight shows no token, and a page is to read why a call was refused. */
export async function installCrossOrigin(app: FastifyInstance, allowedOrigins: readonly string[]): Promise<void> {
  if (allowedOrigins.length === 0) return;
  await app.register(cors, {
    origin: (origin, decide) => decide(null, origin !== undefined && allowedOrigins.includes(origin) ? origin : false),
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: ANSWER_HEADERS,
    maxAge: PREFLIGHT_KEPT_SECONDS,
    // Its refusal of an OPTIONS that is none would be no problem document.
    strictPreflight: false,
  });
  // A stream writes its head itself, past what the reply has.
  app.addHook("onRequest", async (_request, reply) => {
    for (const name of ["vary", "access-control-allow-origin", "access-control-expose-headers"]) {
      const value = reply.getHeader(name);
      if (value !== undefined) reply.raw.setHeader(name, value);
    }
  });
}
