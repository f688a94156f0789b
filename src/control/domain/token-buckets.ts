/**
 * Token buckets by key: what is asked for too often waits. The clock is an argument.
 *
 *     full (burst tokens) --take--> one less --time--> perSecond more a second, up to full
 *                             '-- none is left --> refused, with the time until there is one
 *
 * A bucket that is full again is forgotten: it is what a new one is. Where others give of the same buckets, each tells the others what it
 * has given (`untold`, `told`), and takes off what they have (`spend`).
 */
export interface BucketPolicy {
  /** What may be asked for at once. */
  readonly burst: number;
  readonly perSecond: number;
}

export interface Taken {
  readonly allowed: boolean;
  /** Whole tokens that are left. */
  readonly remaining: number;
  /** Until the bucket is full again. */
  readonly resetMs: number;
  /** Until there is a token; 0 where one was given. */
  readonly retryAfterMs: number;
}

interface Bucket {
  /** Since when, if nothing had been taken meanwhile, it would be full. */
  readonly fullAtMs: number;
  /** Tokens that were given here since it was full last, and that others have not been told of. */
  readonly untold: number;
}

/** Beyond that many keys those that are full, and then the oldest, are forgotten: keys are made by callers. */
const KEYS_MAX = 10_000;

export class TokenBuckets {
  readonly policy: BucketPolicy;
  private readonly buckets = new Map<string, Bucket>();

  constructor(policy: BucketPolicy) {
    this.policy = policy;
  }

  take(key: string, nowMs: number): Taken {
    const { burst, perSecond } = this.policy;
    const tokenMs = 1000 / perSecond;
    const capacityMs = burst * tokenMs;
    const bucket = this.bucketOf(key, nowMs);
    const fullAtMs = Math.max(bucket.fullAtMs, nowMs) + tokenMs;
    const overMs = fullAtMs - nowMs - capacityMs;
    // Within a rounding error of a whole token.
    const allowed = overMs <= tokenMs * 1e-6;
    if (allowed) {
      this.put(key, { fullAtMs, untold: bucket.untold + 1 }, nowMs);
    }
    const missingMs = (allowed ? fullAtMs : bucket.fullAtMs) - nowMs;
    return {
      allowed,
      remaining: Math.max(0, Math.floor((capacityMs - missingMs) / tokenMs + 1e-6)),
      resetMs: Math.max(0, missingMs),
      retryAfterMs: allowed ? 0 : overMs,
    };
  }

  /** Others have given so many tokens of it. What it does not hold is owed, up to what it can hold. */
  spend(key: string, count: number, nowMs: number): void {
    const { burst, perSecond } = this.policy;
    const { fullAtMs, untold } = this.bucketOf(key, nowMs);
    const latestMs = nowMs + (2 * burst * 1000) / perSecond;
    this.put(key, { fullAtMs: Math.min(latestMs, fullAtMs + (count * 1000) / perSecond), untold }, nowMs);
  }

  untold(key: string): number {
    return this.buckets.get(key)?.untold ?? 0;
  }

  /** Keys of which others have not been told so many tokens, with how many. */
  untoldFrom(least: number): readonly (readonly [string, number])[] {
    return [...this.buckets].flatMap(([key, { untold }]) => (untold >= least ? [[key, untold] as const] : []));
  }

  told(key: string, count: number): void {
    const bucket = this.buckets.get(key);
    if (bucket !== undefined) this.buckets.set(key, { ...bucket, untold: Math.max(0, bucket.untold - count) });
  }

  get size(): number {
    return this.buckets.size;
  }

  private bucketOf(key: string, nowMs: number): Bucket {
    const bucket = this.buckets.get(key);
    return bucket === undefined || bucket.fullAtMs <= nowMs ? { fullAtMs: nowMs, untold: 0 } : bucket;
  }

  private put(key: string, bucket: Bucket, nowMs: number): void {
    this.buckets.delete(key);
    this.buckets.set(key, bucket);
    if (this.buckets.size > KEYS_MAX) this.forget(nowMs);
  }

  private forget(nowMs: number): void {
    for (const [key, { fullAtMs }] of this.buckets) if (fullAtMs <= nowMs) this.buckets.delete(key);
    for (const key of this.buckets.keys()) {
      if (this.buckets.size <= KEYS_MAX) return;
      this.buckets.delete(key);
    }
  }
}
