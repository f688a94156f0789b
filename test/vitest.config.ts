/** How the tests run: each file in its own process, several at a time; dist/ is built once before them. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    globalSetup: ["test/support/build.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
