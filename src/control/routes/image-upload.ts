/** POST /v1/images: an image from the caller's bytes, or from where the caller says that they are. */
import type { IncomingMessage } from "node:http";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { ARCHIVE_MEDIA_TYPE } from "../../images/index.ts";
import type { ControlPlane } from "../control-plane.ts";
import { ApiError } from "../errors/api-error.ts";
import { type Intake, takeImageIn } from "../image-intake.ts";
import { fetchSource } from "../image-source.ts";
import { Image, ImageName, ImageSourceRequest } from "../schemas/image.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { IdempotencyHeader } from "./parameters.ts";
import { readReprDigest } from "./repr-digest.ts";

/** What is still on its way of an upload that was refused is read away for so long, so that its sender reads the answer. */
const REST_MS = 30_000;

export const imageUploadRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addContentTypeParser(ARCHIVE_MEDIA_TYPE, (_request, stream, done) => done(null, stream));

    app.route({
      method: "POST",
      url: "/v1/images",
      schema: {
        operationId: "createImage",
        scope: "images:write",
        summary: "Upload an image",
        description:
          "The body is the image's archive, as `/content` gives it: a tar of `manifest.json`, `kernel` (the flat Image of a riscv64 Linux) and " +
          "`initramfs`. Or it is JSON that says where the control plane gets that from. `Repr-Digest` (RFC 9530, sha-256 or sha-512) of the " +
          "archive is checked, and so are the digests in the manifest. The same image twice is one image: 201, then 200. It is there for every " +
          "control plane once this is answered; of an upload that fails or breaks off nothing is left.",
        tags: ["images"],
        querystring: Type.Object({ name: Type.Optional(ImageName) }, { additionalProperties: false }),
        headers: Type.Object({
          ...IdempotencyHeader,
          "repr-digest": Type.Optional(Type.String({ maxLength: 1000, description: "Of the archive: `sha-256=:<base64>:`" })),
        }),
        body: { content: { "application/json": { schema: ImageSourceRequest } } },
        streamedBody: { [ARCHIVE_MEDIA_TYPE]: "The image's archive" },
        response: { 200: Image, 201: Image },
        answerHeaders: { Location: "Path of the image" },
        errors: [
          "malformed_json",
          "bad_idempotency_key",
          "idempotency_in_progress",
          "idempotency_key_reused",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
          "digest_mismatch",
          "unsupported_machine",
          "quota_exceeded",
          "image_store_error",
        ],
      },
      handler: async (request, reply) => {
        const intake = {
          name: request.query.name,
          call: {
            apiCall: request.apiCall,
            route: "POST /v1/images",
            key: readIdempotencyKey(request.headers["idempotency-key"]),
          },
          digests: readReprDigest(request.headers["repr-digest"]),
        };
        // The request's own signal speaks when its body is read.
        const gone = new AbortController();
        reply.raw.once("close", () => gone.abort());
        const answer = await takeImageIn(control, { ...intake, ...bytesOf(control, request, intake, gone.signal) }).catch(
          (error: unknown) => {
            readAway(request.raw);
            throw error;
          },
        );
        if (answer.replayed) reply.header("Idempotency-Replayed", "true");
        return reply
          .code(answer.status === 201 ? 201 : 200)
          .headers(answer.headers)
          .send(answer.body as Image);
      },
    });
  };

/** @throws {ApiError} `unsupported_media_type`, `validation_failed` */
function bytesOf(
  { config, stopping }: ControlPlane,
  request: FastifyRequest,
  { name, digests }: Pick<Intake, "name" | "digests">,
  gone: AbortSignal,
): Pick<Intake, "stream" | "digests" | "request"> {
  if (request.mediaType === ARCHIVE_MEDIA_TYPE) {
    if (request.headers["content-encoding"] !== undefined)
      throw new ApiError("unsupported_media_type", "Cannot read the body: it has a content coding, and the archive as it is is wanted");
    // An early end of it must not end the connection: the refusal goes over that.
    return { stream: (request.body as IncomingMessage).iterator({ destroyOnReturn: false }), digests, request: { name } };
  }
  if (request.mediaType !== "application/json")
    throw new ApiError("unsupported_media_type", `Cannot read a body without a type: send ${ARCHIVE_MEDIA_TYPE} or application/json`);
  const { source } = request.body as ImageSourceRequest;
  const signal = AbortSignal.any([gone, stopping, AbortSignal.timeout(config.imageFetchTimeoutMs)]);
  const hex = source.digest.slice("sha256:".length);
  return {
    stream: fetchSource(source.url, {
      networks: config.imageSourceNetworks,
      idleMs: config.imageFetchIdleMs,
      retryMs: config.imageFetchRetryMs,
      signal,
    }),
    digests: [...digests, { algorithm: "sha256", hex }],
    request: { name, source },
  };
}

function readAway(raw: IncomingMessage): void {
  if (raw.complete || raw.destroyed) return;
  raw.on("error", () => undefined);
  raw.resume();
  const cut = setTimeout(() => raw.destroy(), REST_MS);
  raw.once("end", () => clearTimeout(cut));
  raw.once("close", () => clearTimeout(cut));
}
