/** The one certificate authority of the installation: whoever comes first makes it, all others take it. */
import type { Database } from "../database.ts";
import { certificateAuthority } from "../schema.ts";

export type StoredAuthority = Pick<typeof certificateAuthority.$inferSelect, "certificate" | "sealedPrivateKey">;

/** @param make called where there is none yet; what comes of it counts for nothing where another control plane was faster */
export async function storedAuthority({ db }: Database, make: () => Promise<StoredAuthority>): Promise<StoredAuthority> {
  const [there] = await db.select().from(certificateAuthority);
  if (there !== undefined) return there;
  await db
    .insert(certificateAuthority)
    .values(await make())
    .onConflictDoNothing();
  const [made] = await db.select().from(certificateAuthority);
  return made as StoredAuthority;
}
