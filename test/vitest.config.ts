/**
 * How the tests run: several files at a time, those of the machine, of workers and of whole installations each in its own process,
 * the others one after the other in a few; dist/ is built once before them.
 *
 * The time-outs end what hangs. No test's verdict hangs on them: a host that is ten times slower is within them.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Stories that take minutes have a command of their own (`npm run host-faults`), which sets this. */
const LONG_TESTS = process.env.UNDERSTUDY_LONG_TESTS ? [] : ["test/host-faults/**"];

/**
 * Rooms whose files share processes: loading what they test takes longer than most of their tests. They leave nothing behind in the
 * process; files that count its memory, or fill it with machines, are not among them.
 */
const TOGETHER = ["control", "sdk", "wire", "hypervisor", "pki", "images", "deployment", "chaos", "soak"].map(
  // Tests of exported spans set variables of the process.
  (room) => `test/${room}/**/!(traces|request-ids).test.ts`,
);

/**
 * Files that take a minute or more with the others beside them, the longest first. In their project they start first, so that none of
 * them is left to run alone at the end: a fresh clone knows no durations yet, and would go by the sizes of the files.
 */
const LONGEST = [
  "end-to-end/failover",
  "cli/up",
  "worker/worker",
  "determinism/nodes",
  "determinism/splitting",
  "end-to-end/several-backups",
  "engine/work",
  "control/main",
  "control/worker-certificates",
  "control/failover",
  "control/console",
  "control/postgres-versions",
].map((name) => `/test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.some((name) => moduleId.endsWith(name));
    const place = ({ moduleId }: TestSpecification) => LONGEST.findIndex((name) => moduleId.endsWith(name));
    const sorted = await super.sort(files);
    // One project after the other, as they came: files that share a process stay together.
    return [...new Set(sorted.map(({ project }) => project))].flatMap((project) => {
      const own = sorted.filter((file) => file.project === project);
      return [...own.filter(isLong).sort((one, other) => place(one) - place(other)), ...own.filter((file) => !isLong(file))];
    });
  }
}

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    projects: [
      {
        extends: true,
        test: { name: "apart", include: ["test/**/*.test.ts"], exclude: [...configDefaults.exclude, ...LONG_TESTS, ...TOGETHER] },
      },
      { extends: true, test: { name: "together", include: TOGETHER, isolate: false } },
    ],
    pool: "forks",
    sequence: { sequencer: LongestFirst },
    // Most files wait for their processes more than they compute: with as many as processors a part of the host is idle.
    maxWorkers: availableParallelism() + 1,
    globalSetup: ["test/support/build.ts", "test/control/support/shared-postgres.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
