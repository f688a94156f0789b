/** Token buckets, with time in hand. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBuckets } from "../../../src/control/domain/token-buckets.ts";

test("a bucket gives what it holds at once, then as fast as it fills", () => {
  const buckets = new TokenBuckets({ burst: 3, perSecond: 2 });
  expect([0, 0, 0].map(() => buckets.take("a", 1000))).toEqual([
    { allowed: true, remaining: 2, resetMs: 500, retryAfterMs: 0 },
    { allowed: true, remaining: 1, resetMs: 1000, retryAfterMs: 0 },
    { allowed: true, remaining: 0, resetMs: 1500, retryAfterMs: 0 },
  ]);
  expect(buckets.take("a", 1000)).toEqual({ allowed: false, remaining: 0, resetMs: 1500, retryAfterMs: 500 });
  // Who is refused does not wait longer for that.
  expect(buckets.take("a", 1300)).toMatchObject({ allowed: false, retryAfterMs: 200 });
  expect(buckets.take("a", 1500)).toMatchObject({ allowed: true, remaining: 0 });
  // Another key has a bucket of its own, and no bucket ever holds more than its burst.
  expect(buckets.take("b", 1500)).toMatchObject({ allowed: true, remaining: 2 });
  expect(buckets.take("a", 1_000_000)).toMatchObject({ allowed: true, remaining: 2 });
});

test("over any time, what is given is at most the burst and what has filled up, and at least that many of those who ask", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }),
      (burst, perSecond, gaps) => {
        const buckets = new TokenBuckets({ burst, perSecond });
        let nowMs = 0;
        let given = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const { allowed, retryAfterMs, remaining } = buckets.take("k", nowMs);
          given += Number(allowed);
          expect(given).toBeLessThanOrEqual(burst + (nowMs * perSecond) / 1000 + 1e-3);
          expect(remaining).toBeLessThan(burst);
          // Whoever comes back when it was told to is served.
          if (!allowed) {
            nowMs += Math.ceil(retryAfterMs);
            expect(buckets.take("k", nowMs).allowed).toBe(true);
            given++;
          }
        }
      },
    ),
  );
});

test("two that tell each other late give together what one gives, but for what they give at once before they hear", () => {
  const policy = { burst: 60, perSecond: 60 };
  const [one, other] = [new TokenBuckets(policy), new TokenBuckets(policy)];
  let given = 0;
  for (let nowMs = 0; nowMs < 60_000; nowMs++) {
    for (const buckets of [one, other]) given += Number(buckets.take("k", nowMs).allowed);
    if (nowMs % 100 !== 99) continue;
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      for (const [key, count] of from.untoldFrom(1)) {
        to.spend(key, count, nowMs);
        from.told(key, count);
      }
    }
  }
  // What one alone gives in a minute is 3,660; the burst was there twice.
  expect(given).toBeGreaterThan(3600);
  expect(given).toBeLessThan(3660 + 60);
});

test("keys that callers make up do not fill the memory", () => {
  const buckets = new TokenBuckets({ burst: 2, perSecond: 1 });
  for (let i = 0; i < 50_000; i++) buckets.take(`key ${i}`, i);
  expect(buckets.size).toBeLessThanOrEqual(10_000);
  buckets.take("the last", 50_000);
  expect(buckets.take("the last", 50_000)).toMatchObject({ allowed: true, remaining: 0 });
});

test("what others have given is taken off, and is told of once; what has filled up again is nobody's concern", () => {
  const buckets = new TokenBuckets({ burst: 10, perSecond: 1 });
  for (let i = 0; i < 4; i++) buckets.take("a", 0);
  buckets.take("b", 0);
  expect(buckets.untoldFrom(2)).toEqual([["a", 4]]);
  buckets.told("a", 3);
  expect([buckets.untold("a"), buckets.untold("b"), buckets.untold("nobody")]).toEqual([1, 1, 0]);
  buckets.told("a", 5);
  buckets.told("nobody", 5);
  expect(buckets.untold("a")).toBe(0);
  buckets.spend("a", 3, 0);
  buckets.spend("c", 2, 0);
  expect([buckets.untold("a"), buckets.untold("c")]).toEqual([0, 0]);
  expect([buckets.take("a", 0).remaining, buckets.take("c", 0).remaining]).toEqual([2, 7]);
  // What it does not hold is owed, but not more than it can hold.
  buckets.spend("a", 3, 0);
  expect(buckets.take("a", 0)).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 2000 });
  buckets.spend("a", 1000, 0);
  expect(buckets.take("a", 0)).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 11_000 });
  expect(buckets.take("a", 11_000)).toMatchObject({ allowed: true, remaining: 0 });
  // Full again, it is as a new one.
  expect(buckets.take("b", 60_000)).toMatchObject({ allowed: true, remaining: 9 });
  expect(buckets.untold("b")).toBe(1);
});
