/**
 * How the tests run: each file in its own process, several at a time; dist/ is built once before them.
 *
 * The time-outs end what hangs. No test's verdict hangs on them: a host that is ten times slower is within them.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

/** Stories that take minutes have commands of their own (`npm run host-faults`, `npm run rolling`), which set this. */
const LONG_TESTS = process.env.UNDERSTUDY_LONG_TESTS ? [] : ["test/host-faults/**", "test/rolling/**"];

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...LONG_TESTS],
    pool: "forks",
    // Most files wait for their processes more than they compute: on two processors one at a time leaves half of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: ["test/support/build.ts", "test/control/support/shared-postgres.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
