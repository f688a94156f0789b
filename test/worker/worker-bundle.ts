/** The worker's bundles as the build makes them, once per test process, beside the project's dependencies. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
let bundled: Promise<string> | undefined;

export function workerBundle(): Promise<string> {
  bundled ??= bundle();
  return bundled;
}

async function bundle(): Promise<string> {
  const folder = join(root, "dist", `worker-test-${process.pid}`);
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { worker: join(root, "src/worker/main.ts"), "engine-thread": join(root, "src/worker/engine-thread.ts") },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    outExtension: { ".js": ".mjs" },
    outdir: folder,
    logLevel: "warning",
  });
  await copyFile(join(root, "dist/machine.wasm"), join(folder, "machine.wasm"));
  return join(folder, "worker.mjs");
}
