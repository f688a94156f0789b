/**
 * Moves a machine into fresh memory, piece by piece, while its guest goes on: what only its past needed goes back to the host, which is
 * pages that were written and hold zeros again, and tables of code that ran once. Half of what a guest has touched when it has
 * booted is such. WebAssembly knows no other way to give memory back.
 *
 *     copying --step, between two runs--> copying --finish--> over: the successor is the machine
 *        '--stop--> over: nothing has happened
 *
 * It is a state transfer (`VirtualMachine.captureState`), of which a machine can make one at a time. The guest cannot tell.
 */
import { assert } from "../base/assert.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

export class Compaction {
  private readonly successor: VirtualMachine;
  private left = Number.POSITIVE_INFINITY;

  constructor(private readonly machine: VirtualMachine) {
    this.successor = machine.successor();
    machine.beginCapture();
  }

  /** Pages known to be missing there, when it was copied last. */
  get pagesLeft(): number {
    return this.left;
  }

  /** Copies about so many bytes, and hashes them. */
  step(maxBytes: number): void {
    this.left = this.machine.copyState(this.successor, maxBytes, false);
    this.successor.hash();
  }

  /**
   * Copies all that is left. The machine must have been hashed at this instant, and its changed pages told: the successor counts
   * changes from here.
   *
   * @returns the machine from now on
   */
  finish(): VirtualMachine {
    const { machine, successor } = this;
    machine.copyState(successor, 0, true);
    machine.endCapture();
    successor.finishRestore();
    const hash = successor.hash();
    assert(hash === machine.hash(), () => `the machine at instant ${machine.instant} is equal in its new memory`);
    successor.changedPages();
    return successor;
  }

  stop(): void {
    this.machine.endCapture();
  }
}
