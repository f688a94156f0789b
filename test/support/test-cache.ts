/** A folder that one test run leaves to the next: `UNDERSTUDY_TEST_CACHE`, or one in the system's place for temporary files. */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function testCache(): string {
  return process.env.UNDERSTUDY_TEST_CACHE || join(tmpdir(), "understudy-test-cache");
}

/** The kernel's lock on a file, held by `flock`: it blocks without polling, and dies with its holder. */
export async function whileLocked<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  const holder = spawn("flock", ["--exclusive", path, "sh", "-c", "echo locked; cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const closed = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    holder.once("error", reject);
    holder.stdout.once("data", () => resolve());
    holder.once("close", (status) => reject(new Error(`Cannot lock ${path}: flock ended with status ${status}`)));
  });
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await closed;
  }
}
