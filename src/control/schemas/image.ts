/** The Image resource: a kernel and an initramfs, immutable, named by the SHA-256 of its manifest. */
import { type Static, Type } from "typebox";
import { Name, Timestamp } from "./scalars.ts";

const Blob = Type.Object({ digest: Type.String(), sizeBytes: Type.Integer() });

export const Image = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    digest: Type.String({ description: "sha256:…" }),
    kernel: Blob,
    initramfs: Blob,
    cmdline: Type.String(),
    minMemoryMiB: Type.Integer(),
    aliases: Type.Array(Type.String(), { description: "Names that stand for it now" }),
    createdAt: Timestamp,
  },
  { $id: "Image" },
);
export type Image = Static<typeof Image>;

export const ImageList = Type.Object({ items: Type.Array(Image) }, { $id: "ImageList" });

export const ImageAlias = Type.Object({ name: Name, imageId: Type.String(), updatedAt: Timestamp }, { $id: "ImageAlias" });
export type ImageAlias = Static<typeof ImageAlias>;

export const PutImageAliasRequest = Type.Object(
  { image: Type.String({ minLength: 1, maxLength: 200, description: "Id, name, or name@sha256:… of an image" }) },
  { $id: "PutImageAliasRequest", additionalProperties: false },
);
