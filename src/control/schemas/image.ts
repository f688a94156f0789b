/** The Image resource: a kernel and an initramfs, immutable, named by the SHA-256 of its manifest. */
import { type Static, Type } from "typebox";
import { patterned } from "./patterned.ts";
import { Name, orNull, Timestamp } from "./scalars.ts";

const Blob = Type.Object({ digest: Type.String(), sizeBytes: Type.Integer() });

const Digest = patterned("^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits");

/** As the image store has them. */
export const ImageName = patterned(
  "^[a-z0-9][a-z0-9._-]{0,62}$",
  "at most 63 lower-case letters, digits, dots, underscores and hyphens, a letter or digit first",
  { maxLength: 63, description: "Instead of the name in the archive: by that it is another image" },
);

export const ImageSourceRequest = Type.Object(
  {
    source: Type.Object(
      {
        url: Type.String({ minLength: 1, maxLength: 2000, description: "http or https; its answer is an image's archive" }),
        digest: { ...Digest, description: "Of the archive" },
      },
      { additionalProperties: false },
    ),
  },
  { $id: "ImageSourceRequest", additionalProperties: false },
);
export type ImageSourceRequest = Static<typeof ImageSourceRequest>;

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

export const ImageList = Type.Object({ items: Type.Array(Image), nextPageToken: orNull(Type.String()) }, { $id: "ImageList" });

export const ImageAlias = Type.Object({ name: Name, imageId: Type.String(), updatedAt: Timestamp }, { $id: "ImageAlias" });
export type ImageAlias = Static<typeof ImageAlias>;

export const PutImageAliasRequest = Type.Object(
  { image: Type.String({ minLength: 1, maxLength: 200, description: "Id, name, or name@sha256:… of an image" }) },
  { $id: "PutImageAliasRequest", additionalProperties: false },
);
