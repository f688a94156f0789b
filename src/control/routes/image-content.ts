/** GET and HEAD /v1/images/{image}/content: the image's archive, whole or a range of it. */
import { Readable } from "node:stream";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { ARCHIVE_MEDIA_TYPE } from "../../images/index.ts";
import type { ControlPlane } from "../control-plane.ts";
import { ApiError } from "../errors/api-error.ts";
import { rangeAsked } from "./byte-range.ts";
import { ImagePath } from "./images.ts";
import { writeReprDigest } from "./repr-digest.ts";

/** What fastify sends as no body at all; of null it makes JSON. */
const NOTHING = undefined as never;

export const imageContentRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: ["GET", "HEAD"],
      url: "/v1/images/:image/content",
      schema: {
        operationId: "getImageContent",
        scope: "images:read",
        summary: "Download an image",
        description:
          "The image's archive: a tar of `manifest.json`, `kernel` and `initramfs`, the same byte for byte wherever the image is. One range of " +
          "bytes can be asked for, and `If-Range` says of which image; where there are none of them, `Content-Range` and the problem's `sizeBytes` " +
          "say how many there are. HEAD answers without the bytes.",
        tags: ["images"],
        params: ImagePath,
        headers: Type.Object({
          range: Type.Optional(Type.String({ maxLength: 200, description: "Such as `bytes=1048576-`" })),
          "if-range": Type.Optional(Type.String({ maxLength: 200, description: "ETag: if it is another, all of it is sent" })),
          "if-none-match": Type.Optional(Type.String({ maxLength: 1000, description: "ETags: if it is one of them, 304 is answered" })),
        }),
        response: {
          200: Type.String({ description: "All of it" }),
          206: Type.String({ description: "The range" }),
          304: Type.Null({ description: "It is the one that the caller has" }),
        },
        otherMedia: { [ARCHIVE_MEDIA_TYPE]: "The archive" },
        answerHeaders: {
          ETag: "Names the image's content",
          "Repr-Digest": "sha-256 of the whole archive (RFC 9530), also with a range of it",
          "Accept-Ranges": "bytes",
          "Content-Range": "Of a range",
        },
        errors: ["image_not_found", "range_not_satisfiable", "image_store_error", "validation_failed"],
      },
      handler: async (request, reply) => {
        const row = await control.images.resolve(request.params.image);
        const manifest = await control.images.manifestOf(row);
        const { contents } = control.images;
        const etag = `"${row.digest}"`;
        reply.header("ETag", etag).header("Accept-Ranges", "bytes").header("Cache-Control", "private, no-cache");
        const { range: asked, "if-none-match": ifNoneMatch } = request.headers;
        if (isNamed(etag, ifNoneMatch)) return reply.code(304).send(NOTHING);
        const sizeBytes = contents.sizeOf(manifest);
        const range = request.method === "HEAD" ? null : rangeAsked(request.headers, etag, sizeBytes);
        if (range === "unsatisfiable") {
          reply.header("Content-Range", `bytes */${sizeBytes}`);
          throw new ApiError(
            "range_not_satisfiable",
            `Cannot send ${asked} of the image "${row.name}": its archive has ${sizeBytes} bytes`,
            {
              details: { sizeBytes },
            },
          );
        }
        const { start, end } = range ?? { start: 0, end: sizeBytes };
        reply
          .header("Repr-Digest", writeReprDigest(await contents.digestOf(manifest)))
          .header("Content-Length", end - start)
          .header("Content-Disposition", `attachment; filename="${row.name}.tar"`)
          .type(ARCHIVE_MEDIA_TYPE);
        if (range !== null) reply.code(206).header("Content-Range", `bytes ${start}-${end - 1}/${sizeBytes}`);
        if (request.method === "HEAD") return reply.send(NOTHING);
        return reply.send(Readable.from(await contents.read(manifest, { start, end }), { objectMode: false }) as never);
      },
    });
  };

function isNamed(etag: string, ifNoneMatch: string | undefined): boolean {
  return ifNoneMatch === "*" || (ifNoneMatch ?? "").split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
