import { expect, test } from "vitest";
import { nextMilestone, type TransferFacts, type TransferMilestone } from "../../../src/control/domain/transfer-milestone.ts";

/** Those of the reports that are worth an event. */
function told(reports: readonly TransferFacts[]): readonly TransferFacts[] {
  let last: TransferMilestone | null = null;
  return reports.filter((report) => {
    const milestone = nextMilestone(last, report);
    last = milestone ?? last;
    return milestone !== null;
  });
}

const at = (round: number, progress: number, backup = "rep_b"): TransferFacts => ({ backup, round, progress });

test("the first report, each quarter, and each doubling of the rounds are told, once", () => {
  const reports = [at(1, 0.1), at(1, 0.2), at(1, 0.3), at(2, 0.2), at(2, 0.4), at(3, 0.4), at(4, 0.1), at(4, 0.6), at(5, 0.3), at(8, 1)];
  expect(told(reports)).toEqual([at(1, 0.1), at(1, 0.3), at(2, 0.2), at(4, 0.1), at(4, 0.6), at(8, 1)]);
});

test("a transfer to another backup begins anew", () => {
  expect(told([at(3, 0.9), at(1, 0, "rep_c"), at(1, 0.1, "rep_c")])).toEqual([at(3, 0.9), at(1, 0, "rep_c")]);
});

test("however long a guest cannot be followed, a dozen events tell of it", () => {
  const reports = Array.from({ length: 1000 }, (_, i) => at(1 + Math.floor(i / 10), (i % 7) / 7));
  expect(told(reports).length).toBeLessThan(13);
});
