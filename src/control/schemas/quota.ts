/** What a project may have, and has. */
import { type Static, Type } from "typebox";
import { orNull, words } from "./scalars.ts";

const Quota = Type.Object(
  {
    resource: words(["vms", "memory_mib", "images", "image_mib"] as const, {
      description:
        "VMs that are not deleted; memory of their guests, each counted once; images that were uploaded; their kernels and initramfs, each image " +
        "rounded up",
    }),
    limit: orNull(Type.Integer({ description: "Null: as much as there is room for" })),
    usage: Type.Integer(),
  },
  { $id: "Quota" },
);

export const QuotaList = Type.Object({ project: Type.String(), items: Type.Array(Quota) }, { $id: "QuotaList" });
export type QuotaList = Static<typeof QuotaList>;
