/** The Image resource: a kernel and an initramfs, immutable, named by the SHA-256 of its manifest. */
import { type Static, Type } from "typebox";
import { Timestamp } from "./scalars.ts";

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
    createdAt: Timestamp,
  },
  { $id: "Image" },
);
export type Image = Static<typeof Image>;

export const ImageList = Type.Object({ items: Type.Array(Image) }, { $id: "ImageList" });
