/**
 * How the tests run: each file in its own process, several at a time; dist/ is built once before them.
 *
 * The time-outs end what hangs. No test's verdict hangs on them: a host that is ten times slower is within them.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    globalSetup: ["test/support/build.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
