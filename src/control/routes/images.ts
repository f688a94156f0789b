/** /v1/images and /v1/image-aliases: what VMs can be made from. Images come in by upload (`image-upload.ts`), or into the store with `understudy image pull`. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { deleteImageAlias, listImageAliases, putImageAlias, readImageAlias } from "../db/queries/image-aliases.ts";
import { deleteImage, type ImageRow } from "../db/queries/images.ts";
import type { ImageAliasRow } from "../db/schema.ts";
import { ApiError } from "../errors/api-error.ts";
import { presentImage, presentImageAlias } from "../presenters/image.ts";
import { Image, ImageAlias, ImageList, PutImageAliasRequest } from "../schemas/image.ts";
import { Name } from "../schemas/scalars.ts";
import { type Cursor, readPageToken, writePageToken } from "./page-token.ts";
import { PageQuery } from "./parameters.ts";

const tags = ["images"];

export const ImagePath = Type.Object({
  image: Type.String({ minLength: 1, maxLength: 200, description: "Id, alias, name, or name@sha256:…", examples: ["debian"] }),
});
const AliasPath = Type.Object({ name: { ...Name, examples: ["stable"] } });
const IfMatch = Type.Object({
  "if-match": Type.Optional(Type.String({ maxLength: 100, description: 'ETag of the alias that the caller saw, such as "v1"' })),
});

export const imageRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/images",
      schema: {
        operationId: "listImages",
        scope: "images:read",
        summary: "List images, newest first",
        tags,
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: { 200: ImageList },
        errors: ["bad_page_token", "image_store_error", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken } = request.query;
        const after = readPageToken(pageToken);
        const [rows, aliases] = await Promise.all([control.images.list(), listImageAliases(control.database.db)]);
        const left = after === null ? rows : rows.filter((row) => comesBehind(row, after));
        const page = left.slice(0, pageSize);
        const last = left.length > pageSize ? page.at(-1) : undefined;
        const next = last === undefined ? null : { createdAt: cursorTime(last), id: last.id };
        return { items: page.map((row) => presentImage(row, aliases)), nextPageToken: writePageToken(next) };
      },
    });

    app.route({
      method: "GET",
      url: "/v1/images/:image",
      schema: {
        operationId: "getImage",
        scope: "images:read",
        summary: "Get an image",
        tags,
        params: ImagePath,
        response: { 200: Image },
        errors: ["image_not_found", "image_store_error"],
      },
      handler: async (request) =>
        presentImage(await control.images.resolve(request.params.image), await listImageAliases(control.database.db)),
    });

    app.route({
      method: "DELETE",
      url: "/v1/images/:image",
      schema: {
        operationId: "deleteImage",
        scope: "images:write",
        summary: "Delete an image",
        description: "Refused while a VM is made from it, or an alias names it. Its files go, those that no other image has.",
        tags,
        params: ImagePath,
        response: { 200: Image },
        errors: ["image_not_found", "image_in_use", "image_store_error"],
      },
      handler: async (request) => {
        const { id } = await control.images.resolve(request.params.image);
        const row = await control.database.transaction((tx) => deleteImage(tx, id), request.apiCall);
        await control.images.discard(id);
        return presentImage(row, []);
      },
    });

    app.route({
      method: "GET",
      url: "/v1/image-aliases/:name",
      schema: {
        operationId: "getImageAlias",
        scope: "images:read",
        summary: "Get an image alias",
        tags,
        params: AliasPath,
        response: { 200: ImageAlias },
        answerHeaders: { ETag: "Counts its moves" },
        errors: ["image_alias_not_found", "validation_failed"],
      },
      handler: async (request, reply) => {
        const row = await readImageAlias(control.database.db, request.params.name);
        return reply.header("ETag", etagOf(row)).send(presentImageAlias(row));
      },
    });

    app.route({
      method: "PUT",
      url: "/v1/image-aliases/:name",
      schema: {
        operationId: "putImageAlias",
        scope: "images:write",
        summary: "Have a name stand for an image",
        description:
          "VMs that are created by the name get that image from now on; those that there are keep theirs. One that exists is moved only with " +
          "`If-Match`, by who saw where it was.",
        tags,
        params: AliasPath,
        headers: IfMatch,
        body: PutImageAliasRequest,
        response: { 200: ImageAlias },
        answerHeaders: { ETag: "Counts its moves" },
        errors: [
          "malformed_json",
          "image_not_found",
          "image_store_error",
          "etag_mismatch",
          "if_match_required",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
        ],
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        const image = await control.images.resolve(request.body.image);
        const given = request.headers["if-match"];
        const row = await control.database.transaction(
          (tx) => putImageAlias(tx, name, image.id, (before) => checkMove(name, before, given)),
          request.apiCall,
        );
        return reply.header("ETag", etagOf(row)).send(presentImageAlias(row));
      },
    });

    app.route({
      method: "DELETE",
      url: "/v1/image-aliases/:name",
      schema: {
        operationId: "deleteImageAlias",
        scope: "images:write",
        summary: "Take an image alias away",
        description: "With `If-Match`, as a move. The image stays.",
        tags,
        params: AliasPath,
        headers: IfMatch,
        response: { 200: ImageAlias },
        errors: ["image_alias_not_found", "etag_mismatch", "if_match_required", "validation_failed"],
      },
      handler: async (request) => {
        const { name } = request.params;
        const given = request.headers["if-match"];
        return presentImageAlias(
          await control.database.transaction((tx) => deleteImageAlias(tx, name, (row) => checkMove(name, row, given)), request.apiCall),
        );
      },
    });
  };

/** Newest first, and by id where two are as old: they are all here, so times are compared as they were read. */
function comesBehind(row: ImageRow, after: Cursor): boolean {
  const time = cursorTime(row);
  return time < after.createdAt || (time === after.createdAt && row.id > after.id);
}

/** As `readPageToken` takes it. */
function cursorTime({ createdAt }: ImageRow): string {
  return createdAt.toISOString().replace("T", " ").replace("Z", "+00");
}

function etagOf({ version }: ImageAliasRow): string {
  return `"v${version}"`;
}

/** @throws {ApiError} `if_match_required`, `etag_mismatch` */
function checkMove(name: string, row: ImageAliasRow | null, ifMatch: string | undefined): void {
  if (row !== null && ifMatch === undefined) {
    throw new ApiError("if_match_required", `Cannot move the image alias "${name}": it exists, so If-Match must say where it was seen`, {
      details: { etag: etagOf(row) },
    });
  }
  if (ifMatch === undefined || (row !== null && (ifMatch === "*" || ifMatch === etagOf(row)))) return;
  const now = row === null ? "it does not exist" : `it is at ${etagOf(row)}`;
  throw new ApiError("etag_mismatch", `Cannot move the image alias "${name}": ${now}, If-Match says ${ifMatch}`);
}
