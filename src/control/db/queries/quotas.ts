/**
 * What a project may have: VMs and memory of their guests, images and their size. Who asks for more waits for whoever asked before, so that
 * nothing is counted twice.
 */
import { eq, sql } from "drizzle-orm";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable, Transaction } from "../database.ts";
import { images } from "../schema.ts";
import type { ImageFacts } from "./images.ts";

export interface QuotaLimits {
  /** Null: as many as there is room for. */
  readonly quotaVms: number | null;
  readonly quotaMemoryMiB: number | null;
  readonly quotaImages: number | null;
  readonly quotaImageMiB: number | null;
}

const UNITS = { vms: "VMs", memory_mib: "MiB of memory", images: "images", image_mib: "MiB of images" } as const;
type Resource = keyof typeof UNITS;
const IMAGE_RESOURCES: readonly Resource[] = ["images", "image_mib"];

export interface QuotaUse {
  readonly resource: Resource;
  readonly limit: number | null;
  readonly usage: number;
}

const MIB = 1024 * 1024;

export async function readQuotas(db: Queryable, limits: QuotaLimits): Promise<readonly QuotaUse[]> {
  const { rows } = await db.execute<Record<Resource, string>>(sql`
    SELECT * FROM
      (SELECT count(*) AS vms, coalesce(sum((spec->'machine'->>'memoryMiB')::bigint), 0) AS memory_mib FROM vms
       WHERE project = 'default' AND state <> 'deleted') AS of_vms,
      (SELECT count(*) AS images, coalesce(sum(ceil(
         ((manifest->'kernel'->>'sizeBytes')::numeric + (manifest->'initramfs'->>'sizeBytes')::numeric) / ${MIB}::int)), 0) AS image_mib FROM images
       WHERE uploaded AND deleted_at IS NULL) AS of_images`);
  const limitOf = limitsByResource(limits);
  return (Object.keys(UNITS) as Resource[]).map((resource) => ({
    resource,
    limit: limitOf[resource],
    usage: Number(rows[0]?.[resource]),
  }));
}

/**
 * Before anything is written that would be counted.
 *
 * @throws {ApiError} `quota_exceeded`, with limit and usage
 */
export async function claimQuotas(tx: Transaction, limits: QuotaLimits, more: Partial<Readonly<Record<Resource, number>>>): Promise<void> {
  if (await queueForQuotas(tx, limits, Object.keys(more) as Resource[])) await checkQuotas(tx.db, limits, more);
}

/**
 * Before an image that was uploaded is added; one that the project has is none more. Deleting it waits for the transaction.
 *
 * @throws {ApiError} `quota_exceeded`, with limit and usage
 */
export async function claimImageQuotas(tx: Transaction, limits: QuotaLimits, image: ImageFacts): Promise<void> {
  if (await queueForQuotas(tx, limits, IMAGE_RESOURCES)) await checkImageQuotas(tx.db, limits, image);
}

/** As `claimImageQuotas` at this moment, of which nothing is promised: before the work that comes before a claim. */
export async function checkImageQuotas(db: Queryable, limits: QuotaLimits, { digest, manifest }: ImageFacts): Promise<void> {
  if (!areLimited(limits, IMAGE_RESOURCES)) return;
  const [had] = await db.select({ uploaded: images.uploaded }).from(images).where(eq(images.digest, digest)).for("update");
  if (had?.uploaded === true) return;
  await checkQuotas(db, limits, {
    images: 1,
    image_mib: Math.ceil((manifest.kernel.sizeBytes + manifest.initramfs.sizeBytes) / MIB),
  });
}

/** @returns false where none of these has a limit */
async function queueForQuotas(tx: Transaction, limits: QuotaLimits, resources: readonly Resource[]): Promise<boolean> {
  if (!areLimited(limits, resources)) return false;
  await tx.db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('understudy quotas of default', 0))`);
  return true;
}

async function checkQuotas(db: Queryable, limits: QuotaLimits, wanted: Partial<Readonly<Record<Resource, number>>>): Promise<void> {
  for (const { resource, limit, usage } of await readQuotas(db, limits)) {
    const more = wanted[resource] ?? 0;
    if (limit === null || more <= 0 || usage + more <= limit) continue;
    throw new ApiError("quota_exceeded", `Cannot have ${more} ${UNITS[resource]} more: the project has ${usage}, and may have ${limit}`, {
      details: { resource, limit, usage, retryable: false },
    });
  }
}

function areLimited(limits: QuotaLimits, resources: readonly Resource[]): boolean {
  const limitOf = limitsByResource(limits);
  return resources.some((resource) => limitOf[resource] !== null);
}

function limitsByResource({ quotaVms, quotaMemoryMiB, quotaImages, quotaImageMiB }: QuotaLimits): Record<Resource, number | null> {
  return { vms: quotaVms, memory_mib: quotaMemoryMiB, images: quotaImages, image_mib: quotaImageMiB };
}
